import * as E from 'fp-ts/lib/Either.js'
import type { Task } from 'fp-ts/lib/Task.js'
import type { Ending, Failure, Target } from '../domain/ending.js'
import type { PixlError } from '../domain/errors.js'
import type { ImageDelivery, ImageRecord } from '../domain/extract.js'
import type { DestinationName } from '../domain/identifiers.js'
import type { ClaimToken } from '../domain/transitions.js'
import { undelivered } from '../domain/transitions.js'
import type { Clock } from '../ports/clock.js'
import type { Deidentification } from '../ports/deidentifier.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { ImageSource } from '../ports/image-source.js'
import type { Telemetry } from '../ports/telemetry.js'
import type { Breakers } from './breakers.js'
import type { Destinations } from './destinations.js'
import { leaseMs } from './leases.js'

/** How often a destination that makes objects visible later is asked. */
const checkEveryMs = 60_000

/** A de-identified study, and what was left out of it. */
type Made = Pick<Extract<Deidentification, { _tag: 'Deidentified' }>, 'ref' | 'leftOut'>

/** Delivers a claimed study to every destination that does not have it, and records each before the next. */
export interface ExportStudy {
  /** Sends the study. One destination that fails does not keep the others from getting it. */
  readonly send: (
    claim: { readonly token: ClaimToken; readonly image: ImageRecord },
    made: Made,
    destinations: ReadonlyArray<DestinationName>,
  ) => Task<E.Either<Failure, Ending>>
  /** Asks the destinations that had accepted it whether it is visible by now. */
  readonly check: (
    claim: { readonly token: ClaimToken; readonly image: ImageRecord },
    destinations: ReadonlyArray<DestinationName>,
  ) => Task<E.Either<Failure, Ending>>
}

/** What stops an upload without being the destination's trouble: the claim is lost, or could not be confirmed. */
const isOfClaim = (error: PixlError): boolean =>
  error._tag === 'StaleClaim' || (error._tag === 'Unavailable' && error.port === 'ExtractRepository')

const failing = (target: Target | null, error: PixlError): E.Either<Failure, never> => E.left({ error, target })

export const makeExportStudy = (deps: {
  readonly breakers: Breakers
  readonly clock: Clock
  readonly destinations: Destinations
  readonly extracts: ExtractRepository
  readonly imageSource: ImageSource
  readonly telemetry: Telemetry
}): ExportStudy => {
  const { extracts, imageSource } = deps

  const sendTo = async (
    token: ClaimToken,
    { ref, leftOut }: Made,
    destination: DestinationName,
  ): Promise<E.Either<Failure, ImageDelivery['state']>> => {
    const uploader = deps.destinations.uploader(destination)
    if (uploader === undefined) return failing(null, { _tag: 'UnknownDestination', destination })
    const study = await imageSource.describe(ref)()
    if (E.isLeft(study)) return failing(null, study.left)
    const startedAt = deps.clock.now().getTime()
    const sent = await uploader.upload(study.right, token.fence, extracts.renew(token, leaseMs))()
    if (E.isLeft(sent)) return failing(isOfClaim(sent.left) ? null : destination, sent.left)
    const { _tag: outcome, object } = sent.right
    const state = outcome === 'pending' ? 'uploaded' : 'delivered'
    const noted = await extracts.recordDelivery(token, destination, state, object, leftOut)()
    if (E.isLeft(noted)) return failing(null, noted.left)
    deps.breakers.succeeded(destination)()
    deps.telemetry.record({
      _tag: 'StudyDelivered',
      project: ref.project,
      study: ref.pseudoStudyUid,
      destination,
      outcome,
      bytes: object.bytes,
      durationMs: deps.clock.now().getTime() - startedAt,
    })()
    return E.right(state)
  }

  const finish = async (
    token: ClaimToken,
    destinations: ReadonlyArray<DestinationName>,
    waiting: boolean,
  ): Promise<E.Either<Failure, Ending>> => {
    if (waiting) return E.right({ _tag: 'Await', checkMs: checkEveryMs })
    const exported = await extracts.markExported(token, destinations)()
    if (E.isLeft(exported)) return failing(null, exported.left)
    // When more series were asked for meanwhile, the row is requested again already.
    return E.right({ _tag: exported.right === 'exported' ? 'Exported' : 'Written' })
  }

  const stateAt = ({ deliveries }: ImageRecord, name: DestinationName): ImageDelivery | undefined =>
    deliveries.find(({ destination }) => destination === name)

  return {
    send:
      ({ token, image }, made, destinations) =>
      async () => {
        let failure: E.Either<Failure, never> | null = null
        let waiting = false
        for (const name of undelivered(image, destinations)) {
          const sent =
            stateAt(image, name)?.state === 'uploaded' ? E.right('uploaded') : await sendTo(token, made, name)
          if (E.isLeft(sent) && sent.left.error._tag === 'StaleClaim') return sent
          if (E.isLeft(sent)) failure ??= sent
          else waiting ||= sent.right === 'uploaded'
        }
        return failure ?? finish(token, destinations, waiting)
      },
    check:
      ({ token, image }, destinations) =>
      async () => {
        let waiting = false
        for (const name of undelivered(image, destinations)) {
          const uploader = deps.destinations.uploader(name)
          const delivery = stateAt(image, name)
          if (uploader === undefined) return failing(null, { _tag: 'UnknownDestination', destination: name })
          const object = {
            remoteName: delivery?.remoteName ?? '',
            bytes: delivery?.bytes ?? null,
            sha256: delivery?.sha256 ?? null,
          }
          const found = await uploader.verify({
            project: image.project,
            pseudoStudyUid: image.pseudoStudyUid!,
            object,
          })()
          if (E.isLeft(found)) return failing(name, found.left)
          if (found.right === 'present') {
            const noted = await extracts.recordDelivery(token, name, 'delivered', object)()
            if (E.isLeft(noted)) return failing(null, noted.left)
          } else waiting = true
        }
        return finish(token, destinations, waiting)
      },
  }
}
