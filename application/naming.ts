import * as TE from 'fp-ts/lib/TaskEither.js'
import type { IO } from 'fp-ts/lib/IO.js'
import { pipe } from 'fp-ts/lib/function.js'
import type { SecretError } from '../domain/errors.js'
import type { StudyName } from '../domain/events.js'
import type { ImageRecord } from '../domain/extract.js'
import type { ProjectSlug } from '../domain/identifiers.js'
import { known, SecretName } from '../domain/identifiers.js'
import type { PseudonymKeys } from '../domain/pseudonyms.js'
import { correlationIdOf, pseudoPatientIdOf, pseudoStudyUidOf, studyKeyOf } from '../domain/pseudonyms.js'
import type { Secret, StudyInstanceUid } from '../domain/sensitive.js'
import { sensitive } from '../domain/sensitive.js'
import { requestIdentity } from '../domain/study.js'
import type { Named } from '../ports/extract-repository.js'
import type { SecretStore } from '../ports/secret-store.js'
import type { StudyKey } from '../domain/identifiers.js'

/** How studies are called: in telemetry, in the rows, and once they leave. */
export interface Naming {
  /** The name telemetry may use: the pseudonym, or a keyed hash while there is none. */
  readonly ofImage: (image: ImageRecord) => StudyName
  readonly studyKey: (project: ProjectSlug, original: StudyInstanceUid) => StudyKey
  /** The names a study gets when its row has none yet. */
  readonly names: (image: ImageRecord, original: StudyInstanceUid) => Named
  /** The keys of a project; its salt is made at first use. */
  readonly keys: (project: ProjectSlug) => TE.TaskEither<SecretError, PseudonymKeys>
}

export const makeNaming = (deps: {
  readonly installationKey: Secret
  readonly localSalt: Secret
  /** 16 random hexadecimal digits. */
  readonly randomSalt: IO<string>
  readonly secrets: SecretStore
}): Naming => ({
  ofImage: (image) =>
    image.pseudoStudyUid ?? correlationIdOf(deps.installationKey, image.project, requestIdentity(image)),
  studyKey: (project, original) => studyKeyOf(deps.installationKey, project, original),
  names: ({ project, mrn }, original) => ({
    pseudoStudyUid: pseudoStudyUidOf(deps.installationKey, project, original),
    // Without an MRN nothing tells whose study it is: it is a patient of its own.
    pseudoPatientId: pseudoPatientIdOf(deps.installationKey, project, mrn ?? sensitive(`study ${original.reveal()}`)),
  }),
  keys: (project) =>
    pipe(
      deps.secrets.createIfAbsent(known(SecretName, project), () => sensitive(deps.randomSalt())),
      TE.map((projectSalt) => ({
        installationKey: deps.installationKey,
        projectSalt,
        localSalt: deps.localSalt,
      })),
    ),
})
