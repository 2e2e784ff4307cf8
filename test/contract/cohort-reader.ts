import { inspect } from 'node:util'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import type { CohortRow } from '../../domain/cohort.js'
import type { InvalidInput } from '../../domain/errors.js'
import { describeError, isTransient } from '../../domain/errors.js'
import type { StudyRequest } from '../../domain/study.js'
import type { Cohort, CohortReader, CohortSummary } from '../../ports/cohort-reader.js'
import type { Clause, Harness } from './contract.js'

/** A cohort reader and the place it reads from. */
export interface CohortReaderHarness extends Harness {
  readonly reader: CohortReader
  /** What the form of the input can say; an OMOP extract is of one project and names neither participants nor series. */
  readonly says: { readonly projects: boolean; readonly participants: boolean; readonly series: boolean }
  /** Lays down a cohort of these rows, in this order, and gives its source. */
  readonly place: (rows: ReadonlyArray<CohortRow>) => Promise<string>
  /** A source where nothing is. */
  readonly missing: () => Promise<string>
  /** Makes the disk the reader works on stop answering. */
  readonly breakDisk: () => Promise<void>
  /** How many open cohorts, files or directories the reader holds at the moment. */
  readonly held: () => Promise<number>
}

/** A row that can be requested. `place` numbers studies and patients apart. */
export const soundRow = (place: number, changes: Partial<CohortRow> = {}): CohortRow => ({
  procedureId: String(1000 + place),
  mrn: `MRN${place}`,
  accessionNumber: `ACC${place}`,
  projectName: 'Test Extract - UCLH OMOP CDM',
  extractGeneratedTimestamp: '2023-12-07T14:08:58Z',
  studyDate: '2022-11-22',
  studyUid: `1.2.826.${place}`,
  participantId: '',
  seriesUid: '',
  ...changes,
})

const soundRows = (count: number): ReadonlyArray<CohortRow> => Array.from({ length: count }, (_, i) => soundRow(i + 1))

const opened = async (h: CohortReaderHarness, source: string): Promise<Cohort> => {
  const cohort = await h.reader.open(source)()
  if (E.isLeft(cohort)) throw new Error(`expected a cohort, got ${describeError(cohort.left)}`)
  return cohort.right
}

interface Reading {
  readonly batches: ReadonlyArray<ReadonlyArray<StudyRequest>>
  readonly requests: ReadonlyArray<StudyRequest>
  readonly summary: CohortSummary
}

const readAll = async (cohort: Cohort): Promise<Reading> => {
  const batches: Array<ReadonlyArray<StudyRequest>> = []
  for await (const batch of cohort.batches) batches.push(batch)
  const summary = cohort.summary()
  await cohort.close()
  return { batches, requests: batches.flat(), summary }
}

const read = async (h: CohortReaderHarness, rows: ReadonlyArray<CohortRow>): Promise<Reading> =>
  readAll(await opened(h, await h.place(rows)))

const refused = async (h: CohortReaderHarness, source: string): Promise<InvalidInput> => {
  const cohort = await h.reader.open(source)()
  if (E.isRight(cohort)) {
    await cohort.right.close()
    throw new Error('expected the cohort to be refused')
  }
  if (cohort.left._tag !== 'InvalidInput') throw new Error(`expected InvalidInput, got ${cohort.left._tag}`)
  expect(cohort.left.where).to.include(source)
  expect([cohort.left.what, cohort.left.remedy]).not.to.include('')
  return cohort.left
}

const accessions = (requests: ReadonlyArray<StudyRequest>): ReadonlyArray<string> =>
  requests.map(({ accessionNumber }) => accessionNumber?.reveal() ?? '')

const badRows: ReadonlyArray<CohortRow> = [
  soundRow(101, { studyDate: '2023-02-29' }),
  soundRow(102, { studyUid: '1.02.3' }),
  soundRow(103, { accessionNumber: 'A\\B' }),
  soundRow(104, { mrn: 'M\u0007' }),
]

const mark = 'QZXMARKERQZX'

/** What every {@link CohortReader} promises. */
export const cohortReaderContract: ReadonlyArray<Clause<CohortReaderHarness>> = [
  {
    title: 'does nothing until the task is run',
    run: async (h) => {
      h.reader.open(await h.place(soundRows(1)))
      expect(await h.held()).to.equal(0)
    },
  },
  {
    title: 'asks for a study as the cohort names it, without white space around',
    run: async (h) => {
      const row = soundRow(1, { mrn: ' 00123 ', accessionNumber: '\tAB*?/1 ', studyUid: ' 1.2.3 ' })
      const { requests } = await read(h, [row])
      const { mrn, accessionNumber, studyInstanceUid, ...rest } = requests[0]!
      const identifiers = [mrn, accessionNumber, studyInstanceUid].map((one) => one?.reveal())
      expect(identifiers).to.deep.equal(['00123', 'AB*?/1', '1.2.3'])
      expect(rest).to.deep.equal({
        project: 'test-extract-uclh-omop-cdm',
        projectName: row.projectName,
        seriesInstanceUids: [],
        studyDate: '2022-11-22',
        procedureOccurrenceId: 1001,
        extractGeneratedTimestamp: row.extractGeneratedTimestamp,
        pseudoPatientId: null,
      })
      const bare = await read(h, [soundRow(1, { mrn: ' ', studyUid: '' })])
      expect(bare.requests.map((one) => [one.mrn, one.studyInstanceUid])).to.deep.equal([[null, null]])
    },
  },
  {
    title: 'orders requests by study date, then as the rows stand',
    run: async (h) => {
      const dates = ['2022-03-01', '2021-12-31', '2022-03-01', '2020-02-29']
      const { requests } = await read(
        h,
        dates.map((studyDate, i) => soundRow(i + 1, { studyDate })),
      )
      expect(accessions(requests)).to.deep.equal(['ACC4', 'ACC2', 'ACC1', 'ACC3'])
    },
  },
  {
    title: 'puts each project together, whatever the spelling of its name',
    appliesTo: ({ says }) => says.projects,
    run: async (h) => {
      const names = ['b project', 'A project', 'B-Project', 'a project']
      const { requests } = await read(
        h,
        names.map((projectName, i) => soundRow(i + 1, { projectName })),
      )
      expect(requests.map(({ project, projectName }) => [project, projectName])).to.deep.equal([
        ['a-project', 'A project'],
        ['a-project', 'a project'],
        ['b-project', 'b project'],
        ['b-project', 'B-Project'],
      ])
    },
  },
  {
    title: 'tells the projects of its requests as soon as it is open',
    run: async (h) => {
      const other = h.says.projects
        ? [soundRow(1, { projectName: 'a' }), soundRow(2, { projectName: 'z', studyDate: '' })]
        : []
      const cohort = await opened(h, await h.place([soundRow(3), ...other]))
      expect(cohort.projects).to.deep.equal([...(h.says.projects ? ['a'] : []), 'test-extract-uclh-omop-cdm'])
      await cohort.close()
    },
  },
  {
    title: 'keeps the first of the rows that ask for one study',
    run: async (h) => {
      const { requests, summary } = await read(h, [
        soundRow(1, { procedureId: '7', studyDate: '2022-05-05' }),
        soundRow(2),
        soundRow(1, { procedureId: '5', accessionNumber: ' ACC1 ', studyDate: '2022-01-01' }),
      ])
      expect(requests.map(({ procedureOccurrenceId }) => procedureOccurrenceId)).to.deep.equal([7, 1002])
      expect(summary.duplicates).to.equal(1)
    },
  },
  {
    title: 'does not take a bad row for the first of those that ask for one study',
    run: async (h) => {
      const { requests, summary } = await read(h, [
        soundRow(1, { studyDate: 'soon' }),
        soundRow(1, { procedureId: '5' }),
      ])
      expect(requests.map(({ procedureOccurrenceId }) => procedureOccurrenceId)).to.deep.equal([5])
      expect([summary.duplicates, summary.rejected]).to.deep.equal([0, 1])
    },
  },
  {
    title: 'takes the same study of two projects as two requests',
    appliesTo: ({ says }) => says.projects,
    run: async (h) => {
      const { requests } = await read(h, [soundRow(1), soundRow(1, { projectName: 'other' })])
      expect(requests).to.have.length(2)
    },
  },
  {
    title: 'takes other series of one study as another request',
    appliesTo: ({ says }) => says.series,
    run: async (h) => {
      const { requests, summary } = await read(h, [
        soundRow(1, { seriesUid: '1.2.9\\1.2.8\\ 1.2.9 ' }),
        soundRow(1, { seriesUid: '1.2.7' }),
        soundRow(1, { seriesUid: '1.2.8\\1.2.9' }),
      ])
      expect(requests.map(({ seriesInstanceUids }) => seriesInstanceUids.map((uid) => uid.reveal()))).to.deep.equal([
        ['1.2.9', '1.2.8'],
        ['1.2.7'],
      ])
      expect(summary.duplicates).to.equal(1)
    },
  },
  {
    title: 'leaves out and counts rows with neither accession number nor study UID',
    run: async (h) => {
      const { requests, summary } = await read(h, [soundRow(1, { accessionNumber: ' ', studyUid: '' }), soundRow(2)])
      expect(accessions(requests)).to.deep.equal(['ACC2'])
      expect([summary.withoutIdentifier, summary.rejected]).to.deep.equal([1, 0])
    },
  },
  {
    title: 'goes on after a bad row and tells its place, its column and what was expected',
    run: async (h) => {
      const { requests, summary } = await read(h, [...badRows, soundRow(9)])
      expect(accessions(requests)).to.deep.equal(['ACC9'])
      expect(summary.rejected).to.equal(4)
      const lines = summary.rejections.map(({ line }) => line ?? 0)
      expect(lines.map((line) => line - lines[0]!)).to.deep.equal([0, 1, 2, 3])
      expect(new Set(summary.rejections.map(({ column }) => column))).to.have.property('size', 4)
      for (const { file, column, problem } of summary.rejections) {
        expect(file).not.to.equal('')
        expect(column).to.match(/^\w+$/)
        expect(problem).to.match(/^expected /)
      }
    },
  },
  {
    title: 'counts every row once',
    run: async (h) => {
      const rows = [
        ...soundRows(5),
        ...badRows,
        soundRow(2, { procedureId: '7' }),
        soundRow(8, { accessionNumber: '', studyUid: '' }),
      ]
      const { requests, summary } = await read(h, rows)
      const { rejections, ...counts } = summary
      expect(counts).to.deep.equal({ rows: 11, accepted: 5, duplicates: 1, withoutIdentifier: 1, rejected: 4 })
      expect([requests.length, rejections.length]).to.deep.equal([5, 4])
    },
  },
  {
    title: 'gives batches of at most 1,000',
    run: async (h) => {
      const { batches, requests } = await read(h, soundRows(2500))
      expect(batches.every(({ length }) => length >= 1 && length <= 1000)).to.equal(true)
      expect(accessions(requests)).to.deep.equal(soundRows(2500).map(({ accessionNumber }) => accessionNumber))
    },
  },
  {
    title: 'tells the first 100 bad rows and counts them all',
    run: async (h) => {
      const bad = Array.from({ length: 120 }, (_, i) => soundRow(i + 1, { studyDate: 'soon' }))
      const { summary } = await read(h, [...bad, soundRow(500)])
      expect(summary.rejected).to.equal(120)
      expect(summary.rejections).to.have.length(100)
      const lines = summary.rejections.map(({ line }) => line ?? 0)
      expect(lines).to.deep.equal(lines.map((_, i) => lines[0]! + i))
    },
  },
  {
    title: 'refuses a cohort without a row that can be requested, and holds nothing of it',
    run: async (h) => {
      for (const rows of [badRows, [], [soundRow(1, { accessionNumber: '', studyUid: '' })]])
        await refused(h, await h.place(rows))
      expect(await h.held()).to.equal(0)
    },
  },
  {
    title: 'refuses a source that is not there',
    run: async (h) => {
      expect(isTransient(await refused(h, await h.missing()))).to.equal(false)
    },
  },
  {
    title: 'keeps the participant the cohort names',
    appliesTo: ({ says }) => says.participants,
    run: async (h) => {
      const { requests } = await read(h, [soundRow(1, { participantId: ' P-1 ' }), soundRow(2)])
      expect(requests.map(({ pseudoPatientId }) => pseudoPatientId)).to.deep.equal(['P-1', null])
    },
  },
  {
    title: 'refuses a participant who is named by an MRN of the cohort',
    appliesTo: ({ says }) => says.participants,
    run: async (h) => {
      for (const participantId of ['AB12', 'ab12', '00AB12', ' AB12 ']) {
        const rows = [soundRow(1, { participantId }), soundRow(2, { mrn: '0AB12', projectName: 'Test' })]
        await refused(h, await h.place(rows))
      }
      await refused(h, await h.place([soundRow(1, { participantId: 'MRN2' }), soundRow(2, { studyDate: 'soon' })]))
    },
  },
  {
    title: 'refuses one participant for two patients of a project',
    appliesTo: ({ says }) => says.participants,
    run: async (h) => {
      await refused(h, await h.place([soundRow(1, { participantId: 'P1' }), soundRow(2, { participantId: 'P1' })]))
      const { requests } = await read(h, [
        soundRow(1, { participantId: 'P1', mrn: '0077' }),
        soundRow(2, { participantId: 'P1', mrn: '77' }),
        soundRow(3, { participantId: 'P1', projectName: 'other' }),
      ])
      expect(requests).to.have.length(3)
    },
  },
  {
    title: 'refuses two participants for one patient of a project',
    appliesTo: ({ says }) => says.participants,
    run: async (h) => {
      const rows = [soundRow(1, { participantId: 'P1' }), soundRow(2, { participantId: 'P2', mrn: 'MRN1' })]
      await refused(h, await h.place(rows))
    },
  },
  {
    title: 'answers Unavailable, which is transient, when its disk does not',
    run: async (h) => {
      const source = await h.place(soundRows(1))
      await h.breakDisk()
      const cohort = await h.reader.open(source)()
      expect(E.isLeft(cohort) && [cohort.left._tag, isTransient(cohort.left)]).to.deep.equal(['Unavailable', true])
    },
  },
  {
    title: 'holds no value of the cohort in errors and summaries',
    run: async (h) => {
      const marked: ReadonlyArray<CohortRow> = [
        soundRow(1, { mrn: `${mark}\\1` }),
        soundRow(2, { accessionNumber: `${mark}\u0001` }),
        soundRow(3, { studyUid: mark }),
        soundRow(4, { studyDate: mark }),
        soundRow(5, { procedureId: mark }),
      ]
      const { summary, requests } = await read(h, [...marked, soundRow(6, { mrn: mark })])
      expect(summary.rejected).to.equal(5)
      expect(inspect([summary, requests], { depth: 9 }) + JSON.stringify([summary, requests])).not.to.include(mark)
      const error = await refused(h, await h.place(marked))
      expect(inspect(error) + describeError(error)).not.to.include(mark)
    },
  },
  {
    title: 'holds no participant in the error that refuses it',
    appliesTo: ({ says }) => says.participants,
    run: async (h) => {
      const rows = [soundRow(1, { mrn: mark, participantId: mark }), soundRow(2, { participantId: `${mark}2` })]
      const error = await refused(h, await h.place(rows))
      expect(inspect(error) + describeError(error)).not.to.include(mark)
    },
  },
  {
    title: 'holds nothing once closed, read to the end or not',
    run: async (h) => {
      const source = await h.place(soundRows(1500))
      const unread = await opened(h, source)
      const begun = await opened(h, source)
      expect(await h.held()).to.be.at.least(2)
      for await (const batch of begun.batches) {
        expect(batch.length).to.be.greaterThan(0)
        break
      }
      await begun.close()
      await begun.close()
      await unread.close()
      await readAll(await opened(h, source))
      expect(await h.held()).to.equal(0)
    },
  },
  {
    title: 'fails, rather than ends early, when it is read after it was closed',
    run: async (h) => {
      const source = await h.place(soundRows(1500))
      const begun = await opened(h, source)
      const batches = begun.batches[Symbol.asyncIterator]()
      await batches.next()
      const unread = await opened(h, source)
      await Promise.all([begun.close(), unread.close()])
      let next: IteratorResult<unknown> | 'failed'
      do next = await batches.next().catch(() => 'failed')
      while (next !== 'failed' && next.done !== true)
      expect(next).to.equal('failed')
      expect(await readAll(unread).catch(() => 'failed')).to.equal('failed')
    },
  },
  {
    title: 'reads two cohorts at once without mixing them, and one twice alike',
    run: async (h) => {
      const first = await h.place([soundRow(1), soundRow(2)])
      const second = await h.place([soundRow(3)])
      const cohorts = await Promise.all([first, second, first].map((source) => opened(h, source)))
      const readings = await Promise.all(cohorts.map(readAll))
      expect(readings.map(({ requests }) => accessions(requests))).to.deep.equal([
        ['ACC1', 'ACC2'],
        ['ACC3'],
        ['ACC1', 'ACC2'],
      ])
    },
  },
]
