import { expect } from 'chai'
import type * as TE from 'fp-ts/lib/TaskEither.js'
import { isTransient } from '../../domain/errors.js'
import type { ImageRecord } from '../../domain/extract.js'
import { isTransition, rowViolations } from '../../domain/extract.js'
import type { DestinationName, WorkerId } from '../../domain/identifiers.js'
import {
  DestinationName as Destination,
  known,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId as Worker,
} from '../../domain/identifiers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import { claimsBeforeLost, publicationLeaseMs } from '../../domain/transitions.js'
import type { Claim, ExtractRepository } from '../../ports/extract-repository.js'
import type { Clause, Harness } from './contract.js'
import { fail, marker, succeed, syntheticRequest } from './synthetic.js'

export interface ExtractRepositoryHarness extends Harness {
  readonly repository: ExtractRepository
  /** Lets time pass for the repository. */
  readonly elapse: (ms: number) => Promise<void>
  /** Writes a row the way the Python services do. */
  readonly writeForeignRow: (row: { readonly request: StudyRequest; readonly exportedAt: Date | null }) => Promise<void>
  /** Sets `exported_at` of a row the way the Python services do. */
  readonly exportForeign: (request: StudyRequest, at: Date) => Promise<void>
  /** A request the store refuses to write; absent where every request can be written. */
  readonly refused?: StudyRequest
  /** The same adapter on a store that cannot be reached; absent where it always can. */
  readonly unreachable?: ExtractRepository
}

const worker: WorkerId = known(Worker, 'worker-1')
const other: WorkerId = known(Worker, 'worker-2')
const folder: DestinationName = known(Destination, 'folder')
const elsewhere: DestinationName = known(Destination, 'elsewhere')
const leaseMs = 60_000
const object = { remoteName: 'project-one/2.25.1.zip', bytes: 10, sha256: 'ab' }
const names = { pseudoStudyUid: known(PseudoStudyUid, '2.25.1'), pseudoPatientId: known(PseudoPatientId, 'p1') }
const key = (n: number): StudyKey => known(StudyKey, n.toString(16).padStart(64, '0'))
const nextExtract = { extract: '2024-01-01T00:00:00+00:00' }

const record = ({ repository }: ExtractRepositoryHarness, ...requests: ReadonlyArray<StudyRequest>) =>
  succeed(repository.recordRequests([requests[0]!, ...requests.slice(1)], 1, 'primary'))

const claimed = async ({ repository }: ExtractRepositoryHarness, request: StudyRequest, owner = worker) => {
  const claim = await succeed(repository.claim(request, owner, leaseMs))
  if (claim._tag !== 'Claimed') throw new Error(`expected a claim, got ${claim._tag}`)
  return claim
}
const begin = async (h: ExtractRepositoryHarness, request: StudyRequest): Promise<ClaimToken> => {
  await record(h, request)
  return (await claimed(h, request)).token
}
const rows = async ({ repository }: ExtractRepositoryHarness): Promise<ReadonlyArray<ImageRecord>> => {
  const all: Array<ImageRecord> = []
  for await (const image of repository.images({})) all.push(image)
  return all
}
const only = async (h: ExtractRepositoryHarness): Promise<ImageRecord> => {
  const all = await rows(h)
  expect(all).to.have.length(1)
  return all[0]!
}
const states = async (h: ExtractRepositoryHarness) => (await rows(h)).map(({ state, reason }) => [state, reason])
const deliver = async ({ repository }: ExtractRepositoryHarness, token: ClaimToken) => {
  await succeed(repository.recordDelivery(token, folder, 'delivered', object))
  return succeed(repository.markExported(token, [folder]))
}
const tag = async (claim: TE.TaskEither<unknown, Claim>) => (await succeed(claim))._tag

/** Every write of a worker, each with a token. */
const writes = (
  repository: ExtractRepository,
  token: ClaimToken,
): Readonly<Record<string, TE.TaskEither<unknown, unknown>>> => ({
  renew: repository.renew(token, leaseMs),
  release: repository.release(token, 0),
  routeTo: repository.routeTo(token, 'secondary'),
  recordNames: repository.recordNames(token, key(1), names),
  recordDelivery: repository.recordDelivery(token, folder, 'delivered', object),
  markExported: repository.markExported(token, [folder]),
  markAwaiting: repository.markAwaiting(token, 1000, 2000),
  markSkipped: repository.markSkipped(token, 'SeriesFiltered', {}),
  markAbsent: repository.markAbsent(token),
  scheduleRetry: repository.scheduleRetry(token, 1000, true, 'Unavailable'),
  markFailed: repository.markFailed(token, 'UnreadableFile', 'UnreadableStudy'),
})

export const extractRepositoryContract: ReadonlyArray<Clause<ExtractRepositoryHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      void h.repository.recordRequests([syntheticRequest(1)], 1, 'primary')
      expect(await rows(h)).to.deep.equal([])
    },
  },
  {
    title: 'records the same requests twice as once',
    run: async (h) => {
      const requests = [syntheticRequest(1), syntheticRequest(2), syntheticRequest(1)] as const
      expect(await record(h, ...requests)).to.deep.equal({ added: 2, known: 0, exported: 0, reopened: 0 })
      expect(await record(h, ...requests)).to.deep.equal({ added: 0, known: 2, exported: 0, reopened: 0 })
      const all = await rows(h)
      expect(all.map(({ state, requests: asked }) => [state, asked.length])).to.deep.equal([
        ['requested', 1],
        ['requested', 1],
      ])
      expect(all.flatMap(rowViolations)).to.deep.equal([])
    },
  },
  {
    title: 'leaves nothing of a batch that fails',
    appliesTo: (h) => h.refused !== undefined,
    run: async (h) => {
      await fail(h.repository.recordRequests([syntheticRequest(1), h.refused!], 1, 'primary'))
      expect(await rows(h)).to.deep.equal([])
    },
  },
  {
    title: 'keeps one row for a study several extracts and procedures ask for, at the highest priority',
    run: async (h) => {
      await record(h, syntheticRequest(1), syntheticRequest(1, { procedure: 99 }))
      await succeed(h.repository.recordRequests([syntheticRequest(1, nextExtract)], 4, 'primary'))
      const image = await only(h)
      expect(image.requests.map(({ procedureOccurrenceId: id, priority }) => [id, priority])).to.have.deep.members([
        [1, 1],
        [99, 1],
        [1, 4],
      ])
      expect(image.priority).to.equal(4)
    },
  },
  {
    title: 'unites the series of two requests, and the whole study wins',
    run: async (h) => {
      await record(h, syntheticRequest(1, { series: ['1.2', '1.1'] }))
      await record(h, syntheticRequest(1, { series: ['1.3'] }))
      expect((await only(h)).series.map((uid) => uid.reveal())).to.deep.equal(['1.1', '1.2', '1.3'])
      await record(h, syntheticRequest(1))
      await record(h, syntheticRequest(1, { series: ['1.4'] }))
      expect((await only(h)).series).to.deep.equal([])
    },
  },
  {
    title: 'reopens an exported study when more series are asked for, and only then',
    run: async (h) => {
      await deliver(h, await begin(h, syntheticRequest(1, { series: ['1.1'] })))
      expect((await record(h, syntheticRequest(1, { series: ['1.1'], ...nextExtract }))).exported).to.equal(1)
      expect((await only(h)).state).to.equal('exported')
      expect((await record(h, syntheticRequest(1, { series: ['1.2'] }))).reopened).to.equal(1)
      const image = await only(h)
      expect([
        image.state,
        image.exportedAt,
        image.deliveries[0]?.state,
        image.deliveries[0]?.remoteName,
      ]).to.deep.equal(['requested', null, 'pending', object.remoteName])
      expect((await claimed(h, syntheticRequest(1))).image.claimedSeries).to.have.length(2)
    },
  },
  {
    title: 'reopens a failed or absent study for another extract, not for the same request again',
    run: async (h) => {
      await succeed(h.repository.markAbsent(await begin(h, syntheticRequest(1))))
      await succeed(h.repository.markFailed(await begin(h, syntheticRequest(2)), 'UnreadableFile', 'UnreadableStudy'))
      await record(h, syntheticRequest(1), syntheticRequest(2))
      expect(await states(h)).to.deep.equal([
        ['absent', 'NotInArchive'],
        ['failed', 'UnreadableFile'],
      ])
      await record(h, syntheticRequest(1, nextExtract), syntheticRequest(2, nextExtract))
      expect(await states(h)).to.deep.equal([
        ['requested', null],
        ['requested', null],
      ])
    },
  },
  {
    title: 'gives one claim to ten workers at once',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      const claims = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          tag(h.repository.claim(syntheticRequest(1), known(Worker, `worker-${n}`), leaseMs)),
        ),
      )
      expect(claims.filter((each) => each === 'Claimed')).to.have.length(1)
      expect(claims.filter((each) => each === 'Leased')).to.have.length(9)
    },
  },
  {
    title: 'tells why a row is not claimed',
    run: async (h) => {
      const { repository } = h
      const claim = (n: number) => tag(repository.claim(syntheticRequest(n), other, leaseMs))
      expect(await claim(1)).to.equal('Unknown')
      await begin(h, syntheticRequest(1))
      expect(await claim(1)).to.equal('Leased')
      await succeed(repository.release(await begin(h, syntheticRequest(2)), 30_000))
      expect(await claim(2)).to.equal('NotDue')
      await succeed(repository.markAwaiting(await begin(h, syntheticRequest(3)), 30_000, 60_000))
      expect(await claim(3)).to.equal('Awaiting')
      await deliver(h, await begin(h, syntheticRequest(4)))
      expect(await succeed(repository.claim(syntheticRequest(4), other, leaseMs))).to.deep.equal({
        _tag: 'Finished',
        state: 'exported',
      })
      await record(h, syntheticRequest(5))
      await succeed(repository.move('hold', {}))
      expect(await claim(5)).to.equal('Held')
    },
  },
  {
    title: 'lets an expired lease be claimed again and refuses every write of the earlier claim',
    run: async (h) => {
      const stale = await begin(h, syntheticRequest(1))
      await h.elapse(leaseMs + 1)
      const { token } = await claimed(h, syntheticRequest(1), worker)
      expect(token.fence).to.equal(stale.fence + 1)
      for (const [name, write] of Object.entries(writes(h.repository, stale)))
        expect(await fail(write), name).to.deep.equal({ _tag: 'StaleClaim' })
      expect((await only(h)).state).to.equal('claimed')
      expect(await deliver(h, token)).to.equal('exported')
    },
  },
  {
    title: 'refuses every write once the claim has ended',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await deliver(h, token)
      for (const [name, write] of Object.entries(writes(h.repository, token)))
        expect(await fail(write), name).to.deep.equal({ _tag: 'StaleClaim' })
    },
  },
  {
    title: 'keeps a renewed lease',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await h.elapse(leaseMs - 1000)
      await succeed(h.repository.renew(token, leaseMs))
      await h.elapse(leaseMs - 1000)
      expect(await tag(h.repository.claim(syntheticRequest(1), other, leaseMs))).to.equal('Leased')
    },
  },
  {
    title: 'counts an attempt for a failure of the study, none for an outage or for capacity',
    run: async (h) => {
      await succeed(h.repository.release(await begin(h, syntheticRequest(1)), 0))
      await succeed(h.repository.scheduleRetry((await claimed(h, syntheticRequest(1))).token, 0, false, 'Unavailable'))
      expect((await only(h)).attempts).to.equal(0)
      await succeed(
        h.repository.scheduleRetry((await claimed(h, syntheticRequest(1))).token, 5000, true, 'Unavailable'),
      )
      expect((await only(h)).attempts).to.equal(1)
      expect(await tag(h.repository.claim(syntheticRequest(1), worker, leaseMs))).to.equal('NotDue')
      await h.elapse(5001)
      expect((await claimed(h, syntheticRequest(1))).image.attempts).to.equal(1)
    },
  },
  {
    title: 'gives up a study after ten claims in a row that expired, and forgets them at any recorded end',
    run: async (h) => {
      const expire = async (times: number) => {
        for (let n = 0; n < times; n++) {
          await claimed(h, syntheticRequest(1))
          await h.elapse(leaseMs + 1)
        }
      }
      await record(h, syntheticRequest(1))
      await expire(claimsBeforeLost - 1)
      const { token, image } = await claimed(h, syntheticRequest(1))
      expect(image.claims).to.equal(claimsBeforeLost - 1)
      await succeed(h.repository.release(token, 0))
      await expire(claimsBeforeLost)
      expect(await succeed(h.repository.claim(syntheticRequest(1), worker, leaseMs))).to.deep.equal({
        _tag: 'Finished',
        state: 'failed',
      })
      expect(await states(h)).to.deep.equal([['failed', 'WorkerLost']])
    },
  },
  {
    title: 'routes a row to another queue, due at once',
    run: async (h) => {
      await succeed(h.repository.routeTo(await begin(h, syntheticRequest(1)), 'secondary'))
      const [published] = await succeed(h.repository.leaseForPublication(10, 0))
      expect(published?.queue).to.equal('secondary')
    },
  },
  {
    title: 'stores the names before anything leaves; those already in the row win',
    run: async (h) => {
      const { token } = await (async () => {
        await record(h, syntheticRequest(1, { patient: 'participant-7' }))
        return claimed(h, syntheticRequest(1))
      })()
      expect(await succeed(h.repository.recordNames(token, key(1), names))).to.deep.equal({
        _tag: 'Recorded',
        pseudoStudyUid: '2.25.1',
        pseudoPatientId: 'participant-7',
      })
      const again = { ...names, pseudoStudyUid: known(PseudoStudyUid, '2.25.2') }
      expect(await succeed(h.repository.recordNames(token, key(1), again))).to.include({ pseudoStudyUid: '2.25.1' })
      expect((await succeed(h.repository.findByPseudoStudyUid(names.pseudoStudyUid))).length).to.equal(1)
    },
  },
  {
    title: 'joins two rows that turn out to be one study',
    run: async (h) => {
      const first = await begin(h, syntheticRequest(1, { series: ['1.1'] }))
      await succeed(h.repository.recordNames(first, key(7), names))
      await deliver(h, first)
      const second = await begin(h, syntheticRequest(2, { series: ['1.2'], procedure: 22 }))
      expect(await succeed(h.repository.recordNames(second, key(7), names))).to.deep.equal({ _tag: 'SameStudy' })
      const [kept, joined] = await rows(h)
      expect([kept?.state, kept?.series.length, kept?.requests.length]).to.deep.equal(['requested', 2, 2])
      expect([joined?.state, joined?.reason]).to.deep.equal(['skipped', 'SameStudy'])
      const elsewhereRow = await begin(h, syntheticRequest(1, { project: 'project-two' }))
      expect((await succeed(h.repository.recordNames(elsewhereRow, key(7), names)))._tag).to.equal('Recorded')
    },
  },
  {
    title: 'keeps a state for each destination and drops what the project no longer names',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await succeed(h.repository.recordDelivery(token, elsewhere, 'uploaded', object))
      await succeed(h.repository.recordDelivery(token, folder, 'delivered', object))
      const before = await only(h)
      expect(before.deliveries.map(({ destination, state }) => [destination, state])).to.have.deep.members([
        ['elsewhere', 'uploaded'],
        ['folder', 'delivered'],
      ])
      await succeed(h.repository.markExported(token, [folder]))
      const image = await only(h)
      expect(image.deliveries.map(({ destination, bytes, sha256 }) => [destination, bytes, sha256])).to.deep.equal([
        ['folder', 10, 'ab'],
      ])
      expect(image.exportedAt).to.be.instanceOf(Date)
      expect(rowViolations(image)).to.deep.equal([])
    },
  },
  {
    title: 'returns a study to requested when its series grew while it was claimed',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1, { series: ['1.1'] }))
      await record(h, syntheticRequest(1, { series: ['1.2'] }))
      expect(await deliver(h, token)).to.equal('requested')
      const image = await only(h)
      expect([image.state, image.exportedAt, image.deliveries[0]?.state]).to.deep.equal(['requested', null, 'pending'])
      const next = await claimed(h, syntheticRequest(1))
      await record(h, syntheticRequest(1))
      expect(await succeed(h.repository.markSkipped(next.token, 'SeriesNotRequested', {}))).to.equal('requested')
      expect(
        await succeed(h.repository.markSkipped((await claimed(h, syntheticRequest(1))).token, 'SeriesFiltered', {})),
      ).to.equal('skipped')
    },
  },
  {
    title: 'keeps the series of the work in hand while a study awaits an answer',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1, { series: ['1.1'] }))
      await succeed(h.repository.markAwaiting(token, 1000, 60_000))
      await record(h, syntheticRequest(1, { series: ['1.2'] }))
      await h.elapse(1001)
      expect(await deliver(h, (await claimed(h, syntheticRequest(1))).token)).to.equal('requested')
    },
  },
  {
    title: 'ends a wait at its deadline with one attempt, and the last one as RetriesExhausted',
    run: async (h) => {
      await succeed(h.repository.markAwaiting(await begin(h, syntheticRequest(1)), 1000, 10_000))
      expect(await succeed(h.repository.expireAwaiting(2))).to.equal(0)
      await h.elapse(10_001)
      expect(await succeed(h.repository.expireAwaiting(2))).to.equal(1)
      expect([(await only(h)).state, (await only(h)).attempts]).to.deep.equal(['requested', 1])
      await succeed(h.repository.markAwaiting((await claimed(h, syntheticRequest(1))).token, 1000, 10_000))
      await h.elapse(10_001)
      await succeed(h.repository.expireAwaiting(2))
      expect(await states(h)).to.deep.equal([['failed', 'RetriesExhausted']])
    },
  },
  {
    title: 'keeps the deadline of a wait that is checked and goes on',
    run: async (h) => {
      await succeed(h.repository.markAwaiting(await begin(h, syntheticRequest(1)), 1000, 10_000))
      await h.elapse(6000)
      await succeed(h.repository.markAwaiting((await claimed(h, syntheticRequest(1))).token, 1000, 10_000))
      await h.elapse(6000)
      expect(await succeed(h.repository.expireAwaiting(9))).to.equal(1)
    },
  },
  {
    title: 'leases a due row for publication once, until it is stamped, given up or forgotten',
    run: async (h) => {
      const { repository } = h
      const lease = async () => (await succeed(repository.leaseForPublication(10, 0))).length
      await record(h, syntheticRequest(1))
      const [publication] = await succeed(repository.leaseForPublication(10, 0))
      expect(publication?.request.mrn?.reveal()).to.equal(`${marker}-mrn-1`)
      expect(await lease()).to.equal(0)
      await succeed(repository.abandonPublication([publication!]))
      expect(await lease()).to.equal(1)
      await h.elapse(publicationLeaseMs + 1)
      expect(await lease()).to.equal(1)
      await succeed(repository.stampPublished([publication!]))
      await h.elapse(publicationLeaseMs + 1)
      expect(await lease()).to.equal(0)
      expect(await succeed(repository.forgetPublished('primary', publicationLeaseMs * 2))).to.equal(0)
      expect(await succeed(repository.forgetPublished('primary', 1000))).to.equal(1)
      expect(await lease()).to.equal(1)
    },
  },
  {
    title: 'pages publications by key and stops at the limit',
    run: async (h) => {
      await record(h, ...[1, 2, 3, 4, 5].map((n) => syntheticRequest(n)))
      const first = await succeed(h.repository.leaseForPublication(2, 0))
      const second = await succeed(h.repository.leaseForPublication(9, first[1]!.imageId))
      expect([first.length, second.length]).to.deep.equal([2, 3])
    },
  },
  {
    title: 'publishes a row again when its worker lost the lease, and claims ignore the publication',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      const [early] = await succeed(h.repository.leaseForPublication(10, 0))
      await claimed(h, syntheticRequest(1))
      await succeed(h.repository.stampPublished([early!]))
      expect((await only(h)).publishedAt).to.equal(null)
      await h.elapse(publicationLeaseMs + 1)
      expect((await succeed(h.repository.leaseForPublication(10, 0))).length).to.equal(1)
    },
  },
  {
    title: 'publishes a retry when it is due, at the priority of its request',
    run: async (h) => {
      await succeed(h.repository.recordRequests([syntheticRequest(1)], 3, 'primary'))
      const [publication] = await succeed(h.repository.leaseForPublication(10, 0))
      await succeed(h.repository.stampPublished([publication!]))
      await succeed(
        h.repository.scheduleRetry((await claimed(h, syntheticRequest(1))).token, 5000, true, 'Unavailable'),
      )
      expect(await succeed(h.repository.leaseForPublication(10, 0))).to.deep.equal([])
      await h.elapse(5001)
      expect((await succeed(h.repository.leaseForPublication(10, 0)))[0]?.priority).to.equal(3)
    },
  },
  {
    title: 'counts the live leases of a queue',
    run: async (h) => {
      await begin(h, syntheticRequest(1))
      expect(await succeed(h.repository.countLeased('primary'))).to.equal(1)
      expect(await succeed(h.repository.countLeased('secondary'))).to.equal(0)
      await h.elapse(leaseMs + 1)
      expect(await succeed(h.repository.countLeased('primary'))).to.equal(0)
    },
  },
  {
    title: 'holds, resumes, cancels and replays what the selection names and nothing else',
    run: async (h) => {
      const two = { project: 'project-two' }
      await record(h, syntheticRequest(1), syntheticRequest(1, two))
      const selection = { project: syntheticRequest(1, two).project }
      const one = async () => (await rows(h)).map(({ state }) => state)
      expect(await succeed(h.repository.move('hold', selection))).to.equal(1)
      expect(await one()).to.deep.equal(['requested', 'held'])
      expect(await succeed(h.repository.move('resume', {}))).to.equal(1)
      expect(await one()).to.deep.equal(['requested', 'requested'])
      expect(await succeed(h.repository.move('cancel', selection))).to.equal(1)
      expect(await states(h)).to.deep.equal([
        ['requested', null],
        ['skipped', 'Cancelled'],
      ])
      await succeed(h.repository.markAbsent((await claimed(h, syntheticRequest(1))).token))
      expect(await succeed(h.repository.move('replay', { states: ['failed'] }))).to.equal(0)
      expect(await succeed(h.repository.move('replay', {}))).to.equal(1)
      expect((await claimed(h, syntheticRequest(1))).image.attempts).to.equal(0)
    },
  },
  {
    title: 'refuses the writes of a worker whose study is held',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      expect(await succeed(h.repository.move('hold', {}))).to.equal(1)
      expect(await fail(h.repository.renew(token, leaseMs))).to.deep.equal({ _tag: 'StaleClaim' })
    },
  },
  {
    title: 'leaves rows of another system alone until they are asked for, then adopts them',
    run: async (h) => {
      const exportedAt = new Date('2024-02-03T04:05:06.789Z')
      await h.writeForeignRow({ request: syntheticRequest(1), exportedAt: null })
      await h.writeForeignRow({ request: syntheticRequest(1), exportedAt })
      await h.writeForeignRow({ request: syntheticRequest(2), exportedAt: null })
      expect(await rows(h)).to.deep.equal([])
      expect(await succeed(h.repository.leaseForPublication(10, 0))).to.deep.equal([])
      expect(await tag(h.repository.claim(syntheticRequest(2), worker, leaseMs))).to.equal('Unknown')
      expect(await record(h, syntheticRequest(1), syntheticRequest(2))).to.deep.equal({
        added: 0,
        known: 1,
        exported: 1,
        reopened: 0,
      })
      const [exported, requested] = await rows(h)
      expect([exported?.state, exported?.exportedAt?.toISOString()]).to.deep.equal([
        'exported',
        exportedAt.toISOString(),
      ])
      expect(requested?.state).to.equal('requested')
      expect(await tag(h.repository.claim(syntheticRequest(2), worker, leaseMs))).to.equal('Claimed')
    },
  },
  {
    title: 'ends a study as exported when a claim finds that another system exported it',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      await h.exportForeign(syntheticRequest(1), new Date('2024-02-03T04:05:06.789Z'))
      const counts = await succeed(h.repository.countByState)
      expect([counts[0]?.states.exported, counts[0]?.states.requested]).to.deep.equal([1, 0])
      expect(await succeed(h.repository.leaseForPublication(10, 0))).to.deep.equal([])
      expect(await tag(h.repository.claim(syntheticRequest(1), worker, leaseMs))).to.equal('Finished')
      expect((await only(h)).state).to.equal('exported')
    },
  },
  {
    title: 'counts that add up for every project, apart from the others',
    run: async (h) => {
      await record(h, ...[1, 2, 3].map((n) => syntheticRequest(n)), syntheticRequest(1, { project: 'project-two' }))
      await succeed(h.repository.markAbsent((await claimed(h, syntheticRequest(1))).token))
      const counts = await succeed(h.repository.countByState)
      expect(counts.map(({ project, total }) => [project, total])).to.deep.equal([
        ['project-one', 3],
        ['project-two', 1],
      ])
      for (const { total, states: by } of counts) expect(Object.values(by).reduce((a, b) => a + b)).to.equal(total)
      expect(counts[0]?.reasons).to.deep.equal({ NotInArchive: 1 })
    },
  },
  {
    title: 'finds studies by any original identifier, exactly',
    run: async (h) => {
      await record(h, syntheticRequest(1, { uid: '1.2.3' }), syntheticRequest(11))
      const found = async (text: string) => (await succeed(h.repository.findByIdentifier(sensitive(text)))).length
      expect(await found(`${marker}-mrn-1`)).to.equal(1)
      expect(await found(`${marker}-acc-1`)).to.equal(1)
      expect(await found('1.2.3')).to.equal(1)
      expect(await found('')).to.equal(0)
      expect(await found(`${marker}-mrn-%`)).to.equal(0)
    },
  },
  {
    title: 'keeps a history of moves the state machine has, with reasons and nothing identifying',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await succeed(h.repository.recordNames(token, key(1), names))
      await succeed(h.repository.markSkipped(token, 'SeriesFiltered', { SeriesFiltered: 3 }))
      const image = await only(h)
      const history = await succeed(h.repository.history(image.imageId))
      expect(history.map(({ transition, to, reason }) => [transition, to, reason])).to.deep.equal([
        ['request', 'requested', null],
        ['claim', 'claimed', null],
        ['name', 'claimed', null],
        ['skip', 'skipped', 'SeriesFiltered'],
      ])
      expect(history[3]?.detail).to.deep.equal({ leftOut: { SeriesFiltered: 3 } })
      for (const { transition, from, to } of history)
        if (transition !== 'deliver' && transition !== 'name') expect(isTransition(transition, from, to)).to.equal(true)
      expect(JSON.stringify(history)).not.to.contain(marker)
    },
  },
  {
    title: 'answers Unavailable, without any value of a row, when the store cannot be reached',
    appliesTo: (h) => h.unreachable !== undefined,
    run: async (h) => {
      const error = await fail(h.unreachable!.recordRequests([syntheticRequest(1)], 1, 'primary'))
      expect(error._tag).to.equal('Unavailable')
      expect(isTransient(error)).to.equal(true)
      expect(JSON.stringify(error)).not.to.contain(marker)
    },
  },
]
