import * as E from 'fp-ts/lib/Either.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { makeMemoryClock } from '../../adapters/memory/clock.js'
import { makeMemoryExtractRepository } from '../../adapters/memory/extract-repository.js'
import { unavailable } from '../../domain/errors.js'
import type { ImageDelivery, ImageEvent, ImageRecord } from '../../domain/extract.js'
import { known, WorkerId } from '../../domain/identifiers.js'
import { revealOr } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import type { Claim, ExtractRepository, ProjectCounts, Publication } from '../../ports/extract-repository.js'
import type { ExtractRepositoryHarness } from '../contract/extract-repository.js'
import { elsewhere, folder, key } from '../contract/extract-repository-harness.js'
import { syntheticRequest } from '../contract/synthetic.js'
import type { Mutant } from './mutants.js'

const mutant = (
  title: string,
  breaks: ReadonlyArray<string>,
  broken: (honest: ExtractRepository) => Partial<ExtractRepository>,
  more: (repository: ExtractRepository) => Partial<ExtractRepositoryHarness> = () => ({}),
): Mutant<ExtractRepositoryHarness> => ({
  title,
  breaks,
  start: () => {
    const clock = makeMemoryClock()
    const { writeForeignRow, exportForeign, ...honest } = makeMemoryExtractRepository(clock)
    const repository = { ...honest, ...broken(honest) }
    const harness = { repository, elapse: clock.advance, writeForeignRow, exportForeign }
    return Promise.resolve({ ...harness, close: () => Promise.resolve(), ...more(repository) })
  },
})

const refused = syntheticRequest(9)

/** Rows told otherwise than they are. */
const telling =
  (lie: (image: ImageRecord) => Partial<ImageRecord>) =>
  (honest: ExtractRepository): Partial<ExtractRepository> => ({
    images: async function* (selection) {
      for await (const image of honest.images(selection)) yield { ...image, ...lie(image) }
    },
  })

/** Another answer to a claim. */
const claiming =
  (lie: (claim: Claim) => Claim) =>
  (honest: ExtractRepository): Partial<ExtractRepository> => ({
    claim: (...args) => TE.map(lie)(honest.claim(...args)),
  })

/** Requests changed before they are recorded. */
const recording =
  (change: (request: StudyRequest, call: number) => StudyRequest) =>
  (honest: ExtractRepository): Partial<ExtractRepository> => {
    let call = 0
    return {
      recordRequests: (requests, priority, queue) => {
        call += 1
        const changed = requests.map((request) => change(request, call)) as unknown as NonEmptyArray<StudyRequest>
        return honest.recordRequests(changed, priority, queue)
      },
    }
  }

const delivered = (delivery: ImageDelivery): ImageDelivery => ({ ...delivery, state: 'delivered' })

const countingAs =
  (lie: (counts: ProjectCounts) => ProjectCounts) =>
  (honest: ExtractRepository): Partial<ExtractRepository> => ({
    countByState: TE.map((all: ReadonlyArray<ProjectCounts>) => all.map(lie))(honest.countByState),
  })

const publishing =
  (lie: (page: ReadonlyArray<Publication>, call: number) => ReadonlyArray<Publication>) =>
  (honest: ExtractRepository): Partial<ExtractRepository> => {
    let call = 0
    return {
      leaseForPublication: (...args) =>
        TE.map((page: ReadonlyArray<Publication>) => lie(page, (call += 1)))(honest.leaseForPublication(...args)),
    }
  }

/** Writes under the latest claim of all, whoever asks. */
const withoutFence = (honest: ExtractRepository): Partial<ExtractRepository> => {
  const latest = new Map<number, ClaimToken>()
  const current = (token: ClaimToken): ClaimToken => latest.get(token.imageId) ?? token
  return {
    claim: (...args) =>
      TE.map((claim: Claim) => {
        if (claim._tag === 'Claimed') latest.set(claim.token.imageId, claim.token)
        return claim
      })(honest.claim(...args)),
    markAbsent: (token) => honest.markAbsent(current(token)),
  }
}

const everyRow = async (repository: ExtractRepository): Promise<ReadonlyArray<ImageRecord>> => {
  const all: Array<ImageRecord> = []
  for await (const image of repository.images({})) all.push(image)
  return all
}

/** Extract repositories broken on purpose. */
export const mutants: ReadonlyArray<Mutant<ExtractRepositoryHarness>> = [
  mutant('starts as soon as a task is built', ['does nothing until the task is run'], (honest) => ({
    recordRequests: (...args) => {
      const early = honest.recordRequests(...args)()
      return () => early
    },
  })),
  mutant(
    'takes every recording for another extract',
    [
      'records the same requests twice as once',
      'reopens a failed or absent study for another extract, not for the same request again',
    ],
    recording((request, call) => ({ ...request, extractGeneratedTimestamp: String(call) })),
  ),
  mutant(
    'writes a batch one by one',
    ['leaves nothing of a batch that fails'],
    (honest) => ({
      recordRequests: (requests, priority, queue) => async () => {
        const [first, ...rest] = requests
        const written = await honest.recordRequests([first], priority, queue)()
        return rest.includes(refused) ? E.left(unavailable('ExtractRepository', { name: 'Refused' })) : written
      },
    }),
    () => ({ refused }),
  ),
  mutant(
    'forgets who asked before',
    ['keeps one row for a study several extracts and procedures ask for, at the highest priority'],
    telling(({ requests }) => ({ requests: requests.slice(-1) })),
  ),
  mutant(
    'records everything at the lowest priority',
    ['keeps one row for a study several extracts and procedures ask for, at the highest priority'],
    (honest) => ({ recordRequests: (requests, _priority, queue) => honest.recordRequests(requests, 1, queue) }),
  ),
  mutant(
    'keeps the first series only',
    ['unites the series of two requests, and the whole study wins'],
    telling(({ series }) => ({ series: series.slice(0, 1) })),
  ),
  mutant(
    'asks for the whole study each time',
    [
      'reopens an exported study when more series are asked for, and only then',
      'returns a study to requested when its series grew while it was claimed',
      'keeps the series of the work in hand while a study awaits an answer',
    ],
    recording((request) => ({ ...request, seriesInstanceUids: [] })),
  ),
  mutant(
    'reopens nothing for another extract',
    ['reopens a failed or absent study for another extract, not for the same request again'],
    recording((request) => ({ ...request, extractGeneratedTimestamp: '' })),
  ),
  mutant(
    'gives a leased row away',
    ['gives one claim to ten workers at once', 'keeps a renewed lease', 'tells why a row is not claimed'],
    claiming((claim) =>
      claim._tag === 'Leased'
        ? { _tag: 'Claimed', image: null as never, token: { imageId: 1, fence: 1, owner: known(WorkerId, 'nobody') } }
        : claim,
    ),
  ),
  mutant(
    'tells every refusal as too early',
    ['tells why a row is not claimed'],
    claiming((claim) => (claim._tag === 'Claimed' || claim._tag === 'Unknown' ? claim : { _tag: 'NotDue' })),
  ),
  mutant(
    'takes any token for the latest',
    ['lets an expired lease be claimed again and refuses every write of the earlier claim'],
    withoutFence,
  ),
  mutant(
    'says renewed and does not',
    [
      'refuses every write once the claim has ended',
      'keeps a renewed lease',
      'refuses the writes of a worker whose study is held',
    ],
    () => ({ renew: () => TE.right(undefined) }),
  ),
  mutant(
    'counts outages as attempts',
    ['counts an attempt for a failure of the study, none for an outage or for capacity'],
    (honest) => ({ scheduleRetry: (token, afterMs, _, cause) => honest.scheduleRetry(token, afterMs, true, cause) }),
  ),
  mutant(
    'retries at once',
    [
      'counts an attempt for a failure of the study, none for an outage or for capacity',
      'publishes a retry when it is due, at the priority of its request',
    ],
    (honest) => ({ scheduleRetry: (token, _, counted, cause) => honest.scheduleRetry(token, 0, counted, cause) }),
  ),
  mutant(
    'counts no lost claim',
    ['gives up a study after ten claims in a row that expired, and forgets them at any recorded end'],
    claiming((claim) => (claim._tag === 'Claimed' ? { ...claim, image: { ...claim.image, claims: 0 } } : claim)),
  ),
  mutant('routes to where it came from', ['routes a row to another queue, due at once'], (honest) => ({
    routeTo: (token) => honest.routeTo(token, 'primary'),
  })),
  mutant(
    'answers the names it is given',
    ['stores the names before anything leaves; those already in the row win'],
    (honest) => ({
      recordNames: (token, studyKey, names) =>
        TE.map(() => ({ _tag: 'Recorded' as const, ...names }))(honest.recordNames(token, studyKey, names)),
    }),
  ),
  mutant('sees no twin', ['joins two rows that turn out to be one study'], (honest) => ({
    recordNames: (token, _, names) => honest.recordNames(token, key(1000 + token.imageId), names),
  })),
  mutant(
    'keeps one destination',
    ['keeps a state for each destination and drops what the project no longer names'],
    (honest) => ({
      recordDelivery: (token, _, ...rest) => honest.recordDelivery(token, folder, ...rest),
    }),
  ),
  mutant(
    'keeps what the project no longer names',
    ['keeps a state for each destination and drops what the project no longer names'],
    (honest) => ({ markExported: (token) => honest.markExported(token, [folder, elsewhere]) }),
  ),
  mutant(
    'delivers again whenever it is asked',
    ['keeps what one destination has when the study is asked for again before it goes to the next'],
    telling(({ state, deliveries }) =>
      state === 'requested'
        ? { deliveries: deliveries.map((each) => ({ ...each, state: 'pending', deliveredAt: null })) }
        : {},
    ),
  ),
  mutant(
    'takes an end for the end',
    [
      'returns a study to requested when its series grew while it was claimed',
      'keeps the series of the work in hand while a study awaits an answer',
    ],
    (honest) => ({
      markExported: (...args) => TE.map(() => 'exported' as const)(honest.markExported(...args)),
    }),
  ),
  mutant(
    'waits for ever',
    [
      'ends a wait at its deadline with one attempt, and the last one as RetriesExhausted',
      'keeps the deadline of a wait that is checked and goes on',
    ],
    () => ({ expireAwaiting: () => TE.right(0) }),
  ),
  mutant(
    'forgets that series were asked for since a delivery',
    ['sends a study anew to destinations that have it without the series asked for since'],
    claiming((claim) =>
      claim._tag === 'Claimed'
        ? { ...claim, image: { ...claim.image, deliveries: claim.image.deliveries.map(delivered) } }
        : claim,
    ),
  ),
  mutant(
    'takes what was accepted for delivered when a wait ends',
    ['sends a study anew to destinations that had only accepted it when a wait ends'],
    telling(({ state, deliveries }) => (state === 'requested' ? { deliveries: deliveries.map(delivered) } : {})),
  ),
  mutant('begins every wait anew', ['keeps the deadline of a wait that is checked and goes on'], (honest) => {
    let waits = 0
    return {
      markAwaiting: (...args) => ((waits += 1), honest.markAwaiting(...args)),
      expireAwaiting: (...args) => (waits > 1 ? TE.right(0) : honest.expireAwaiting(...args)),
    }
  }),
  mutant(
    'leases for nobody',
    ['leases a due row for publication once, until it is stamped, given up or forgotten'],
    (honest) => ({
      leaseForPublication: (...args) =>
        TE.tap((page: ReadonlyArray<Publication>) => honest.abandonPublication(page))(
          honest.leaseForPublication(...args),
        ),
    }),
  ),
  mutant(
    'keeps a publication that was given up',
    ['leases a due row for publication once, until it is stamped, given up or forgotten'],
    () => ({ abandonPublication: () => TE.right(undefined) }),
  ),
  mutant('knows no pages', ['pages publications by key and stops at the limit'], (honest) => ({
    leaseForPublication: (_, afterImageId) => honest.leaseForPublication(1000, afterImageId),
  })),
  mutant(
    'publishes a row once',
    [
      'publishes a row again when its worker lost the lease, and claims ignore the publication',
      'publishes a retry when it is due, at the priority of its request',
    ],
    publishing((page, call) => (call === 1 ? page : [])),
  ),
  mutant(
    'publishes at the lowest priority',
    ['publishes a retry when it is due, at the priority of its request'],
    publishing((page) => page.map((publication) => ({ ...publication, priority: 1 }))),
  ),
  mutant('counts no lease', ['counts the live leases of a queue'], () => ({ countLeased: () => TE.right(0) })),
  mutant(
    'moves every project',
    ['holds, resumes, cancels and replays what the selection names and nothing else'],
    (honest) => ({ move: (move) => honest.move(move, {}) }),
  ),
  mutant('lets a held study be worked on', ['refuses the writes of a worker whose study is held'], (honest) => ({
    move: (move, selection) => honest.move(move, { ...selection, states: ['requested'] }),
  })),
  mutant(
    'takes rows of another system for its own',
    ['leaves rows of another system alone until they are asked for, then adopts them'],
    () => ({}),
    (repository) => ({
      writeForeignRow: async ({ request }) => void (await repository.recordRequests([request], 1, 'primary')()),
    }),
  ),
  mutant(
    'counts by its own state alone',
    ['ends a study as exported when a claim finds that another system exported it'],
    countingAs((counts) => ({ ...counts, states: { ...counts.states, exported: 0 } })),
  ),
  mutant(
    'takes over the date of the request',
    ['keeps the study date and the time of export that another system wrote'],
    telling(() => ({ studyDate: '1999-01-01' })),
  ),
  mutant(
    'forgets publications of what another system exported',
    ['publishes nothing again that another system exported'],
    () => ({ forgetPublished: () => TE.right(1) }),
  ),
  mutant(
    'tells a later fence than that of the publication',
    ['leases a row for publication under the fence it had then, whatever claims it meanwhile'],
    // Without a step in between, which would let the claim go first.
    (honest) => ({
      leaseForPublication: (limit, after) => () =>
        honest
          .leaseForPublication(limit, after)()
          .then(E.map((page) => page.map((each) => ({ ...each, fence: each.fence + 1 })))),
    }),
  ),
  mutant(
    'reads a claimed row a moment later',
    ['answers a claim with the row as it was claimed, whatever happens to it meanwhile'],
    (honest) => ({
      claim: (request, owner, leaseMs) => () =>
        honest
          .claim(request, owner, leaseMs)()
          .then(
            E.map((claim) =>
              claim._tag === 'Claimed' ? { ...claim, image: { ...claim.image, state: 'held' } } : claim,
            ),
          ),
    }),
  ),
  mutant(
    'counts a study twice',
    ['counts that add up for every project, apart from the others'],
    countingAs((counts) => ({ ...counts, total: counts.total + 1 })),
  ),
  mutant('finds whatever begins like it', ['finds studies by any original identifier, exactly'], (honest) => ({
    findByIdentifier: (identifier) => async () =>
      E.right((await everyRow(honest)).filter(({ mrn }) => revealOr(mrn).startsWith(identifier.reveal()))),
  })),
  mutant(
    'writes no reasons into the history',
    ['keeps a history of moves the state machine has, with reasons and nothing identifying'],
    (honest) => ({
      history: (imageId) =>
        TE.map((events: ReadonlyArray<ImageEvent>) => events.map((event) => ({ ...event, reason: null })))(
          honest.history(imageId),
        ),
    }),
  ),
  mutant(
    'tells a value of a row in an error',
    ['answers Unavailable, without any value of a row, when the store cannot be reached'],
    () => ({}),
    (repository) => ({
      unreachable: {
        ...repository,
        recordRequests: ([{ mrn }]) => TE.left(unavailable('ExtractRepository', { name: revealOr(mrn) })),
      },
    }),
  ),
]
