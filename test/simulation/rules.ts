import type * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { ProcessRequest } from '../../application/process-request.js'
import type { ImageRecord } from '../../domain/extract.js'
import type { Disposition } from '../../domain/routing.js'
import { ack } from '../../domain/routing.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { ExtractRepository, Publication } from '../../ports/extract-repository.js'
import type { MessageBus } from '../../ports/message-bus.js'
import type { World } from './world.js'

/** The repository without the protections that are turned off. */
export const unprotectedRepository = (
  { repository, protections }: World,
  rowOf: (id: number) => ImageRecord,
): ExtractRepository => {
  const latest: ExtractRepository = !protections.fence
    ? (Object.fromEntries(
        Object.entries(repository).map(([name, method]) => [
          name,
          typeof method !== 'function'
            ? method
            : (...args: ReadonlyArray<unknown>) => {
                const token = args[0] as { imageId?: number; owner?: string } | undefined
                const isToken = token?.imageId !== undefined && token.owner !== undefined
                if (!isToken) return (method as (...all: ReadonlyArray<unknown>) => unknown)(...args)
                return async () => {
                  const { fence, leaseOwner } = rowOf(token.imageId!)
                  const forged = { ...token, fence, owner: leaseOwner }
                  return (
                    (method as (...all: ReadonlyArray<unknown>) => unknown)(forged, ...args.slice(1)) as () => unknown
                  )()
                }
              },
        ]),
      ) as unknown as ExtractRepository)
    : repository
  return {
    ...latest,
    countByState: repository.countByState,
    recordNames: protections.recordedNames
      ? latest.recordNames
      : (token, studyKey, names) => async () => {
          repository.spoil(token.imageId, (image) => ({ ...image, pseudoStudyUid: null }))
          return latest.recordNames(token, studyKey, names)()
        },
    markExported: protections.mergeCheck
      ? latest.markExported
      : (token, destinations) => async () => {
          const { series } = rowOf(token.imageId)
          repository.spoil(token.imageId, (image) => ({ ...image, series: image.claimedSeries }))
          const answer = await latest.markExported(token, destinations)()
          repository.spoil(token.imageId, (image) => ({ ...image, series }))
          return answer
        },
  }
}

/** What one worker did, as far as the rules about order need it. */
export interface Deeds {
  /** Messages the broker confirmed. */
  readonly confirmed: Set<StudyRequest>
  /** The claim each delivered message led to. */
  readonly claimed: Map<StudyRequest, ClaimToken>
}

/** Notes what the worker does against the rules, as it happens. */
export const watched = (
  world: World,
  repository: ExtractRepository,
  { confirmed, claimed }: Deeds,
  rowOf: (id: number) => ImageRecord,
): ExtractRepository => {
  const fenced = Object.fromEntries(
    Object.entries(repository).map(([name, method]) => [
      name,
      (...args: ReadonlyArray<unknown>): unknown => {
        const task = (method as (...all: ReadonlyArray<unknown>) => unknown)(...args)
        const token = args[0] as { imageId?: number; owner?: string; fence?: number } | undefined
        if (token?.owner === undefined || token.imageId === undefined) return task
        return async () => {
          const { fence } = rowOf(token.imageId!)
          const answer = await (task as () => Promise<E.Either<unknown, unknown>>)()
          if (answer._tag === 'Right' && token.fence !== fence)
            world.seen.push(`${name} of an earlier claim was accepted`)
          return answer
        }
      },
    ]),
  ) as unknown as ExtractRepository
  return {
    ...fenced,
    countByState: repository.countByState,
    claim: (request, owner, leaseMs) => async () => {
      const claim = await repository.claim(request, owner, leaseMs)()
      if (claim._tag === 'Right' && claim.right._tag === 'Claimed') claimed.set(request, claim.right.token)
      return claim
    },
    stampPublished: (published) => async () => {
      if (published.some(({ request }) => !confirmed.has(request)))
        world.seen.push('a row was stamped as published though its message was not confirmed')
      return repository.stampPublished(published)()
    },
  }
}

/** Remembers which messages the broker confirmed. */
export const noting = (bus: MessageBus, { confirmed }: Deeds): MessageBus => ({
  ...bus,
  publish: (to, messages, priority) => async () => {
    const answer = await bus.publish(to, messages, priority)()
    if (answer._tag === 'Right') for (const message of messages) confirmed.add(message as unknown as StudyRequest)
    return answer
  },
})

/** The outbox with its two last steps swapped. */
export const stampingEarly = (extracts: ExtractRepository): ExtractRepository => ({
  ...extracts,
  leaseForPublication: (limit, after) =>
    TE.tap((page: ReadonlyArray<Publication>) => extracts.stampPublished(page))(
      extracts.leaseForPublication(limit, after),
    ),
  stampPublished: () => TE.right(undefined),
})

/** Notes a message that is acknowledged while the claim it led to is still in hand. */
export const acknowledging =
  (world: World, processRequest: ProcessRequest, { claimed }: Deeds): ProcessRequest =>
  (delivery) =>
  async () => {
    const early = !world.protections.commitBeforeAcknowledge
    const work = processRequest(delivery)()
    if (early) await world.scheduler.sleep(50)
    const disposition: Disposition = early ? ack : await work
    const token = claimed.get(delivery.body)
    const row = token && world.repository.row(token.imageId)
    if (disposition._tag === 'Ack' && row?.state === 'claimed' && row.fence === token?.fence)
      world.seen.push('a message was acknowledged before the end of its claim was recorded')
    return disposition
  }
