import { expect } from 'chai'
import fc from 'fast-check'
import type { ImageRecord } from '../../domain/extract.js'
import { effectiveState, isTransition, rowViolations } from '../../domain/extract.js'
import type { Priority } from '../../domain/identifiers.js'
import type { Existing } from '../../domain/recording.js'
import { recordAll, requestFor, studyIdentity } from '../../domain/recording.js'
import type { StudyRequest } from '../../domain/study.js'
import { syntheticRequest } from '../contract/synthetic.js'

const start = new Date('2024-01-01T00:00:00.000Z')

const requestArb = fc
  .record({
    n: fc.nat(3),
    project: fc.constantFrom('project-one', 'project-two'),
    series: fc.array(fc.constantFrom('1.1', '1.2', '1.3'), { maxLength: 2 }),
    procedure: fc.nat(2),
    extract: fc.constantFrom('2023-01-01T00:00:00Z', '2023-02-02T00:00:00Z'),
  })
  .map(({ n, ...fields }) => syntheticRequest(n, fields))
const batchArb = fc.record({
  requests: fc.array(requestArb, { minLength: 1, maxLength: 8 }),
  priority: fc.constantFrom<Priority>(1, 2, 3, 4, 5),
})
type Batch = typeof batchArb extends fc.Arbitrary<infer A> ? A : never

interface Rows {
  readonly ours: Map<string, ImageRecord>
  /** Rows another system wrote that nobody asked us for. */
  readonly foreign: Map<string, ReadonlyArray<ImageRecord>>
}
const noRows = (): Rows => ({ ours: new Map(), foreign: new Map() })

/** Records a batch and writes it, as every repository does, checking what is written. */
const write = (rows: Rows, { requests, priority }: Batch, now: Date = start) => {
  const existing = (request: StudyRequest): Existing => {
    const key = studyIdentity(request)
    return { ours: rows.ours.get(key) ?? null, foreign: rows.foreign.get(key) ?? [] }
  }
  const recording = recordAll(requests, existing, priority, 'primary', now)
  for (const image of recording.inserted) {
    expect(rows.ours.has(studyIdentity(image)), 'a study inserted a second time').to.equal(false)
    rows.ours.set(studyIdentity(image), { ...image, imageId: rows.ours.size + 1 })
  }
  for (const image of recording.adopted) {
    rows.foreign.delete(studyIdentity(image))
    rows.ours.set(studyIdentity(image), image)
  }
  for (const { image, transition, from } of recording.merged) {
    const before = rows.ours.get(studyIdentity(image))!
    expect(from).to.equal(before.state)
    expect(isTransition(transition, from, image.state)).to.equal(true)
    expect(image.imageId).to.equal(before.imageId)
    rows.ours.set(studyIdentity(image), image)
  }
  expect([...rows.ours.values()].flatMap(rowViolations)).to.deep.equal([])
  return recording
}

const summary = (rows: Rows) =>
  [...rows.ours]
    .map(([key, { state, priority, series, requests }]) => ({
      key,
      state,
      priority,
      series: series.map((uid) => uid.reveal()),
      requests: requests.map(({ extractGeneratedTimestamp: at, procedureOccurrenceId: id }) => `${at} ${id}`).sort(),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))

/** Ends every row somehow, as workers would. */
const endAll = (rows: Rows, end: 'exported' | 'failed' | 'skipped'): void => {
  const how = {
    exported: { state: 'exported', reason: null, exportedAt: start },
    failed: { state: 'failed', reason: 'UnreadableFile' },
    skipped: { state: 'skipped', reason: 'SeriesFiltered' },
  } as const
  for (const [key, image] of rows.ours) rows.ours.set(key, { ...image, ...how[end], nextActionAt: null })
}

describe('recording requests', () => {
  it('keeps one row for each study, loses none, and counts every study of a batch once', () => {
    fc.assert(
      fc.property(
        fc.array(batchArb, { maxLength: 6 }),
        fc.constantFrom('exported', 'failed', 'skipped'),
        (all, end) => {
          const rows = noRows()
          const asked = new Set<string>()
          all.forEach((batch, i) => {
            const studies = new Set(batch.requests.map(studyIdentity))
            const { recorded } = write(rows, batch)
            expect(recorded.added + recorded.known + recorded.exported + recorded.reopened).to.equal(studies.size)
            for (const study of studies) asked.add(study)
            expect([...rows.ours.keys()].sort()).to.deep.equal([...asked].sort())
            if (i === 2) endAll(rows, end)
          })
        },
      ),
    )
  })

  it('does nothing the second time', () => {
    fc.assert(
      fc.property(batchArb, fc.constantFrom('exported', 'failed', 'skipped', null), (batch, end) => {
        const rows = noRows()
        write(rows, batch)
        if (end !== null) endAll(rows, end)
        const before = summary(rows)
        const { inserted, adopted, merged, recorded } = write(rows, batch)
        expect([inserted, adopted]).to.deep.equal([[], []])
        expect(merged.every(({ transition }) => transition === 'merge')).to.equal(true)
        expect(recorded.added + recorded.reopened).to.equal(0)
        expect(summary(rows)).to.deep.equal(before)
      }),
    )
  })

  it('gives the same rows in whatever order and in however many batches', () => {
    fc.assert(
      fc.property(batchArb, ({ requests, priority }) => {
        const [together, apart] = [noRows(), noRows()]
        write(together, { requests, priority })
        for (const request of [...requests].reverse()) write(apart, { requests: [request], priority })
        expect(summary(apart)).to.deep.equal(summary(together))
      }),
    )
  })

  it('says of a batch what has become of each study, also when it is asked for several times in it', () => {
    const rows = noRows()
    write(rows, { requests: [syntheticRequest(1, { series: ['1.1'] }), syntheticRequest(2)], priority: 1 })
    endAll(rows, 'exported')
    const again = [syntheticRequest(1, { series: ['1.1'] }), syntheticRequest(1, { series: ['1.2'] })]
    const { merged, recorded } = write(rows, {
      requests: [...again, syntheticRequest(2), syntheticRequest(3)],
      priority: 1,
    })
    expect(recorded).to.deep.equal({ added: 1, known: 0, exported: 1, reopened: 1 })
    expect(merged.map(({ transition, from }) => [transition, from])).to.deep.equal([
      ['reopen', 'exported'],
      ['merge', 'exported'],
    ])
  })

  it('takes over the row of another system, the exported one of several, and leaves the others alone', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), (exported) => {
        const request = syntheticRequest(1)
        const rows = noRows()
        const [fresh] = recordAll([request], () => ({ ours: null, foreign: [] }), 1, '', start).inserted
        const foreign = exported.map((is, i) => ({ ...fresh!, imageId: i + 1, exportedAt: is ? start : null }))
        rows.foreign.set(studyIdentity(request), foreign)
        const { adopted, inserted, recorded } = write(rows, { requests: [request, request], priority: 1 })
        expect([adopted.length, inserted.length]).to.deep.equal([1, 0])
        const image = adopted[0]!
        expect(image.imageId).to.equal(Math.max(0, exported.indexOf(true)) + 1)
        expect(effectiveState(image)).to.equal(exported.includes(true) ? 'exported' : 'requested')
        expect(recorded.exported + recorded.known).to.equal(1)
      }),
    )
  })

  it('writes the message of a row so that it finds the row again and asks for nothing new', () => {
    fc.assert(
      fc.property(batchArb, (batch) => {
        const rows = noRows()
        write(rows, batch)
        const before = summary(rows)
        for (const image of [...rows.ours.values()]) {
          expect(studyIdentity(requestFor(image))).to.equal(studyIdentity(image))
          write(rows, { requests: [requestFor(image)], priority: 1 })
        }
        expect(summary(rows)).to.deep.equal(before)
      }),
    )
  })
})
