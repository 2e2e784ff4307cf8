import { expect } from 'chai'
import { isTransient } from '../../domain/errors.js'
import { isTransition, rowViolations } from '../../domain/extract.js'
import { sensitive } from '../../domain/sensitive.js'
import { publicationLeaseMs } from '../../domain/transitions.js'
import type { Clause } from './contract.js'
import { letStrayWorkShow } from './handles.js'
import { fail, marker, succeed, syntheticRequest } from './synthetic.js'
import { claimClauses } from './extract-repository-claims.js'
import type { ExtractRepositoryHarness } from './extract-repository-harness.js'
import {
  begin,
  claimed,
  deliver,
  folder,
  key,
  leaseMs,
  names,
  nextExtract,
  object,
  only,
  record,
  rows,
  states,
  tag,
  worker,
} from './extract-repository-harness.js'

export type { ExtractRepositoryHarness } from './extract-repository-harness.js'

/** What every extract repository keeps to. */
export const extractRepositoryContract: ReadonlyArray<Clause<ExtractRepositoryHarness>> = [
  ...claimClauses,
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      void h.repository.recordRequests([syntheticRequest(1)], 1, 'primary')
      await letStrayWorkShow()
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
    title: 'keeps the study date and the time of export that another system wrote',
    run: async (h) => {
      const at = new Date('2024-02-03T04:05:06.789Z')
      await h.writeForeignRow({ request: syntheticRequest(1), exportedAt: null })
      await record(h, { ...syntheticRequest(1), studyDate: '1999-01-01' })
      expect((await only(h)).studyDate).to.equal(syntheticRequest(1).studyDate)
      const { token } = await claimed(h, syntheticRequest(1))
      await succeed(h.repository.recordDelivery(token, folder, 'uploaded', object))
      await succeed(h.repository.release(token, 0))
      await h.exportForeign(syntheticRequest(1), at)
      expect(await tag(h.repository.claim(syntheticRequest(1), worker, leaseMs))).to.equal('Finished')
      expect((await only(h)).deliveries.map(({ deliveredAt }) => deliveredAt)).to.deep.equal([at])
    },
  },
  {
    title: 'publishes nothing again that another system exported',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      await succeed(h.repository.stampPublished(await succeed(h.repository.leaseForPublication(10, 0))))
      await h.exportForeign(syntheticRequest(1), new Date('2024-02-03T04:05:06.789Z'))
      expect(await succeed(h.repository.forgetPublished('primary', 0))).to.equal(0)
    },
  },
  {
    title: 'leases a row for publication under the fence it had then, whatever claims it meanwhile',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      const [leased, claim] = await Promise.all([
        succeed(h.repository.leaseForPublication(10, 0)),
        claimed(h, syntheticRequest(1)),
      ])
      for (const { fence } of leased) expect(fence).to.be.below(claim.token.fence)
    },
  },
  {
    title: 'answers a claim with the row as it was claimed, whatever happens to it meanwhile',
    run: async (h) => {
      await record(h, syntheticRequest(1))
      const [claim] = await Promise.all([
        succeed(h.repository.claim(syntheticRequest(1), worker, leaseMs)),
        succeed(h.repository.move('hold', {})),
      ])
      if (claim._tag === 'Claimed') expect(claim.image).to.include({ state: 'claimed', leaseOwner: worker })
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
