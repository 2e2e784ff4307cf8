import * as E from 'fp-ts/lib/Either.js'
import type { UnknownDestination } from '../domain/errors.js'
import type { DestinationName } from '../domain/identifiers.js'
import type { Project } from '../domain/project.js'
import type { ImageUploader } from '../ports/image-uploader.js'

/** Who takes the studies of a project. */
export interface Destinations {
  /** The destinations of a project, each with an uploader; none = nothing leaves. */
  readonly of: (project: Project) => E.Either<UnknownDestination, ReadonlyArray<DestinationName>>
  readonly uploader: (name: DestinationName) => ImageUploader | undefined
  /** The one that takes everything instead of those the projects name; null = as the projects say. */
  readonly instead: DestinationName | null
}

/** `instead` takes everything a project would send anywhere; a project without destination stays without. */
export const makeDestinations = (
  uploader: (name: DestinationName) => ImageUploader | undefined,
  instead: DestinationName | null,
): Destinations => ({
  of: ({ config }) => {
    const named = config.destination.dicom
    const wanted = named.length === 0 || instead === null ? named : [instead]
    const missing = wanted.find((name) => uploader(name) === undefined)
    return missing === undefined ? E.right(wanted) : E.left({ _tag: 'UnknownDestination', destination: missing })
  },
  uploader,
  instead,
})
