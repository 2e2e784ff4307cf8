import { expect } from 'chai'
import { rowViolations } from '../../domain/extract.js'
import { known, PseudoStudyUid, WorkerId as Worker } from '../../domain/identifiers.js'
import { claimsBeforeLost } from '../../domain/transitions.js'
import type { Clause } from './contract.js'
import { fail, succeed, syntheticRequest } from './synthetic.js'
import type { ExtractRepositoryHarness } from './extract-repository-harness.js'
import {
  begin,
  claimed,
  deliver,
  elsewhere,
  folder,
  key,
  leaseMs,
  names,
  nextExtract,
  object,
  only,
  other,
  record,
  rows,
  states,
  tag,
  worker,
  writes,
} from './extract-repository-harness.js'

/** What an extract repository keeps to while workers claim studies, write what became of them and die. */
export const claimClauses: ReadonlyArray<Clause<ExtractRepositoryHarness>> = [
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
      await succeed(h.repository.recordDelivery(token, folder, 'delivered', object, { SecondaryCapture: 2 }))
      const before = await only(h)
      const history = await succeed(h.repository.history(before.imageId))
      expect(history.slice(-2).map(({ detail }) => detail)).to.deep.equal([
        { destination: 'elsewhere', delivery: 'uploaded', remoteName: object.remoteName },
        {
          destination: 'folder',
          delivery: 'delivered',
          remoteName: object.remoteName,
          leftOut: { SecondaryCapture: 2 },
        },
      ])
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
    title: 'keeps what one destination has when the study is asked for again before it goes to the next',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await succeed(h.repository.recordDelivery(token, folder, 'delivered', object))
      await succeed(h.repository.release(token, 0))
      await record(h, syntheticRequest(1, nextExtract))
      const { state, deliveries } = await only(h)
      expect([state, deliveries[0]?.state]).to.deep.equal(['requested', 'delivered'])
      expect(deliveries[0]?.deliveredAt).to.be.instanceOf(Date)
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
    title: 'sends a study anew to destinations that have it without the series asked for since',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1, { series: ['1.1'] }))
      await succeed(h.repository.recordDelivery(token, folder, 'delivered', object))
      await succeed(h.repository.scheduleRetry(token, 0, true, 'Unavailable'))
      const again = await claimed(h, syntheticRequest(1))
      expect(again.image.deliveries.map(({ state }) => state)).to.deep.equal(['delivered'])
      await record(h, syntheticRequest(1, { series: ['1.2'] }))
      await succeed(h.repository.scheduleRetry(again.token, 0, true, 'Unavailable'))
      const [delivery] = (await claimed(h, syntheticRequest(1))).image.deliveries
      expect([delivery?.state, delivery?.deliveredAt, delivery?.remoteName]).to.deep.equal([
        'pending',
        null,
        object.remoteName,
      ])
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
    title: 'sends a study anew to destinations that had only accepted it when a wait ends',
    run: async (h) => {
      const token = await begin(h, syntheticRequest(1))
      await succeed(h.repository.recordDelivery(token, folder, 'delivered', object))
      await succeed(h.repository.recordDelivery(token, elsewhere, 'uploaded', object))
      await succeed(h.repository.markAwaiting(token, 1000, 10_000))
      await h.elapse(10_001)
      await succeed(h.repository.expireAwaiting(2))
      expect((await only(h)).deliveries.map(({ destination, state }) => [destination, state])).to.have.deep.members([
        ['folder', 'delivered'],
        ['elsewhere', 'pending'],
      ])
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
]
