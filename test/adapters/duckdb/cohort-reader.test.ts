import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import * as E from 'fp-ts/lib/Either.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import type { CohortReaderHarness } from '../../contract/cohort-reader.js'
import { describeError } from '../../../domain/errors.js'
import { cohortReaderContract, soundRow } from '../../contract/cohort-reader.js'
import { verifyContract } from '../../contract/contract.js'
import { csvOf, extractOf, makePlaces, writeFiles } from './extract-files.js'

const startOn = (form: 'extract' | 'csv') => async (): Promise<CohortReaderHarness> => {
  const places = await makePlaces()
  const isCsv = form === 'csv'
  let placed = 0
  return {
    reader: makeDuckdbCohortReader(places.temporary),
    says: { projects: isCsv, participants: isCsv, series: isCsv },
    place: async (rows) => {
      placed += 1
      const source = join(places.inputs, isCsv ? `cohort ${placed}.csv` : `extract ${placed}`)
      await (isCsv ? writeFile(source, csvOf(rows)) : writeFiles(source, extractOf(rows)))
      return source
    },
    missing: async () => join(places.inputs, 'nowhere'),
    breakDisk: () => rm(places.temporary, { recursive: true }),
    held: async () => (await places.left()).length,
    close: places.remove,
  }
}

verifyContract('DuckDB CohortReader on an OMOP ES extract', cohortReaderContract, startOn('extract'))
verifyContract('DuckDB CohortReader on a CSV file', cohortReaderContract, startOn('csv'))

describe('DuckDB CohortReader', () => {
  it('waits for a batch that is being read before it frees what it holds', async () => {
    const harness = await startOn('csv')()
    const source = await harness.place(Array.from({ length: 5000 }, (_, i) => soundRow(i + 1)))
    const cohort = await harness.reader.open(source)()
    if (E.isLeft(cohort)) throw new Error(describeError(cohort.left))
    const batches = cohort.right.batches[Symbol.asyncIterator]()
    const [first] = await Promise.allSettled([batches.next(), cohort.right.close()])
    expect(first.status).to.be.oneOf(['fulfilled', 'rejected'])
    expect(await harness.held()).to.equal(0)
    await harness.close()
  })
})
