import { expect } from 'chai'
import { mkdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { makeDuckdbCohortReader } from '../../../adapters/duckdb/cohort-reader.js'
import { describeError } from '../../../domain/errors.js'
import type { StudyRequest } from '../../../domain/study.js'
import type { CohortSummary } from '../../../ports/cohort-reader.js'
import type { Places } from './extract-files.js'
import { makePlaces, smallExtract, summaryText, writeFiles } from './extract-files.js'

const people = 'private/PERSON_LINKS.parquet'
const links = 'private/PROCEDURE_OCCURRENCE_LINKS.parquet'
const procedures = 'public/omop/PROCEDURE_OCCURRENCE.parquet'

describe('DuckDB CohortReader: OMOP ES extracts', () => {
  let places: Places
  let extract: string
  beforeEach(async () => {
    places = await makePlaces()
    extract = join(places.inputs, 'extract')
  })
  afterEach(async () => {
    expect(await places.left()).to.deep.equal([])
    await places.remove()
  })

  const open = (source: string) => makeDuckdbCohortReader(places.temporary).open(source)()

  const read = async (source = extract): Promise<{ requests: ReadonlyArray<StudyRequest>; summary: CohortSummary }> => {
    const cohort = await open(source)
    if (E.isLeft(cohort)) throw new Error(describeError(cohort.left))
    const requests: Array<StudyRequest> = []
    for await (const batch of cohort.right.batches) requests.push(...batch)
    await cohort.right.close()
    return { requests, summary: cohort.right.summary() }
  }

  const refusal = async (source = extract): Promise<string> => {
    const cohort = await open(source)
    if (E.isRight(cohort)) throw new Error('expected a refusal')
    expect(cohort.left._tag).to.equal('InvalidInput')
    return describeError(cohort.left)
  }

  const shown = ({ requests }: { requests: ReadonlyArray<StudyRequest> }): ReadonlyArray<string> =>
    requests.map((one) =>
      [
        one.procedureOccurrenceId,
        one.mrn?.reveal(),
        one.accessionNumber?.reveal(),
        one.studyInstanceUid?.reveal() ?? '-',
        one.studyDate,
      ].join(' '),
    )

  const sound = ['10 MRN1 ACC1 1.2.3 2022-11-22']

  it('reads single files and keeps the original text of the time of extraction', async () => {
    await writeFiles(extract, smallExtract)
    const reading = await read()
    expect(shown(reading)).to.deep.equal(sound)
    expect(reading.requests[0]).to.include({
      project: 'test-extract-uclh-omop-cdm',
      projectName: 'Test Extract - UCLH OMOP CDM',
      extractGeneratedTimestamp: '2023-12-07 14:08:58',
    })
  })

  it('reads the older layout, public tables without omop/', async () => {
    await writeFiles(extract, smallExtract)
    await rename(join(extract, procedures), join(extract, 'public/PROCEDURE_OCCURRENCE.parquet'))
    expect(shown(await read())).to.deep.equal(sound)
  })

  it('reads batched datasets in the order of their parts, which may differ in types and columns', async () => {
    await writeFiles(extract, {
      'extract_summary.json': summaryText(),
      'private/person_links/part-0.parquet': `select 1::int as person_id, 'M1' as "PrimaryMrn"`,
      'private/person_links/part-1.parquet': `select 'M2' as "PrimaryMrn", 2::bigint as person_id, true as "Extra"`,
      'private/procedure_occurrence_links/part-0.parquet': `select 10 + i as procedure_occurrence_id, 'A' || i as "AccessionNumber" from range(3) t(i)`,
      'private/procedure_occurrence_links/part-1.parquet': `select 20 as procedure_occurrence_id, 'A2' as "AccessionNumber", '1.2' as "StudyUid_X"`,
      'public/omop/procedure_occurrence/part-10.parquet': `select 20 as procedure_occurrence_id, 2 as person_id, date '2022-11-22' as procedure_date`,
      'public/omop/procedure_occurrence/part-2.parquet': `select 12 - i as procedure_occurrence_id, 1 as person_id, date '2022-11-22' as procedure_date from range(3) t(i)`,
      'public/omop/procedure_occurrence/_SUCCESS': '',
      'public/omop/procedure_occurrence/.part-2.parquet.crc': 'x',
    })
    expect(shown(await read())).to.deep.equal([
      '12 M1 A2 - 2022-11-22',
      '11 M1 A1 - 2022-11-22',
      '10 M1 A0 - 2022-11-22',
      '20 M2 A2 1.2 2022-11-22',
    ])
  })

  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli'])
    for (const version of ['v1', 'v2'])
      it(`reads ${codec} files of parquet ${version}`, async () => {
        await writeFiles(extract, smallExtract, `, codec ${codec}, parquet_version ${version}`)
        expect(shown(await read())).to.deep.equal(sound)
      })

  const types: Readonly<Record<string, readonly [string, string]>> = {
    'int32 and int64': ['10::int', '10::bigint'],
    'int64 and decimal': ['10::bigint', '10.00::decimal(12, 2)'],
    'floating point and text': ['10::double', `' 10 '`],
    'text and unsigned': [`'10'`, '10::ubigint'],
    'text with a decimal point and int16': [`'10'`, '10::smallint'],
    'bytes and text': [`'10'::blob`, `'10'`],
  }
  for (const [name, [left, right]] of Object.entries(types))
    it(`joins ids of types ${name}`, async () => {
      await writeFiles(extract, {
        ...smallExtract,
        [links]: `select ${left} as procedure_occurrence_id, 'ACC1'::blob as "AccessionNumber", '1.2.3' as "StudyUid_X"`,
        [procedures]: `select ${right} as procedure_occurrence_id, '1' as person_id, date '2022-11-22' as procedure_date`,
      })
      expect(shown(await read())).to.deep.equal(sound)
    })

  for (const date of [
    `date '2022-11-22'`,
    `timestamp '2022-11-22 23:59:59.999'`,
    `timestamp_ns '2022-11-22 00:00:00'`,
    `timestamptz '2022-11-22 23:30:00+00'`,
    `'2022-11-22'`,
    `'2022-11-22 00:00:00'`,
  ])
    it(`reads procedure_date written as ${date}`, async () => {
      await writeFiles(extract, {
        ...smallExtract,
        [procedures]: `select 10 as procedure_occurrence_id, 1 as person_id, ${date} as procedure_date`,
      })
      expect(shown(await read())).to.deep.equal(sound)
    })

  it('reads numbers as MRN and accession number, and NaN as absent', async () => {
    await writeFiles(extract, {
      ...smallExtract,
      [people]: `select 1 as person_id, 4711::double as "PrimaryMrn" union all select 2, 'nan'::double`,
      [links]: `select i as procedure_occurrence_id, 90000000000 + i as "AccessionNumber", null::int as "StudyUid_X" from range(10, 12) t(i)`,
      [procedures]: `select i as procedure_occurrence_id, i - 9 as person_id, date '2022-11-22' as procedure_date from range(10, 12) t(i)`,
    })
    expect(shown(await read())).to.deep.equal(['10 4711 90000000010 - 2022-11-22', '11  90000000011 - 2022-11-22'])
  })

  it('leaves out procedures without a link and counts links without an identifier', async () => {
    await writeFiles(extract, {
      ...smallExtract,
      [links]: `select 10 as procedure_occurrence_id, 'ACC1' as "AccessionNumber", null as "StudyUid_X" union all select 11, '  ', null union all select 99, 'ACC9', null`,
      [procedures]: `select i as procedure_occurrence_id, 1 as person_id, date '2022-11-22' as procedure_date from range(10, 13) t(i)`,
    })
    const { summary } = await read()
    expect(summary).to.include({ rows: 2, accepted: 1, withoutIdentifier: 1, rejected: 0 })
  })

  it('names part, row and column of what it rejects', async () => {
    await writeFiles(extract, {
      'extract_summary.json': summaryText(),
      [people]: `select 1 as person_id, 'M1' as "PrimaryMrn"`,
      [links]: `select i as procedure_occurrence_id, case when i = 13 then null else 'A' || i end as "AccessionNumber", case when i = 12 then '1..2' when i = 13 then '1.2' end as "StudyUid_X" from range(10, 16) t(i)`,
      'public/omop/procedure_occurrence/part-0.parquet': `select i as procedure_occurrence_id, case when i = 11 then 7 else 1 end as person_id, date '2022-11-22' as procedure_date from range(10, 13) t(i)`,
      'public/omop/procedure_occurrence/part-1.parquet': `select i as procedure_occurrence_id, 1 as person_id, case when i = 14 then null when i = 15 then date 'infinity' else date '2022-11-22' end as procedure_date from range(13, 16) t(i)`,
    })
    const { summary } = await read()
    const part = 'public/omop/procedure_occurrence/part-'
    expect(summary.rejections.map(({ file, line, column }) => [file, line, column])).to.deep.equal([
      [`${part}0.parquet`, 2, 'person_id'],
      [`${part}0.parquet`, 3, 'StudyUid_X'],
      [`${part}1.parquet`, 1, 'AccessionNumber'],
      [`${part}1.parquet`, 2, 'procedure_date'],
      [`${part}1.parquet`, 3, 'procedure_date'],
    ])
    expect(summary).to.include({ rows: 6, accepted: 1, rejected: 5 })
  })

  it('accepts unusual but sound identifiers and rejects procedure ids a number cannot hold', async () => {
    await writeFiles(extract, {
      ...smallExtract,
      [people]: `select 1 as person_id, 'MÜ 1*?' as "PrimaryMrn"`,
      [links]: `select i as procedure_occurrence_id, 'ÅCC ' || i as "AccessionNumber", null as "StudyUid_X" from (values (-5::bigint), (9007199254740993), (0)) t(i)`,
      [procedures]: `select i as procedure_occurrence_id, 1 as person_id, date '2022-11-22' as procedure_date from (values (-5::bigint), (9007199254740993), (0)) t(i)`,
    })
    const reading = await read()
    expect(shown(reading)).to.deep.equal(['-5 MÜ 1*? ÅCC -5 - 2022-11-22', '0 MÜ 1*? ÅCC 0 - 2022-11-22'])
    expect(reading.summary.rejections.map(({ column }) => column)).to.deep.equal(['procedure_occurrence_id'])
  })

  for (const name of [`it's "here"`, 'with *[glob]?', 'äö 医院', 'http:', 'a;drop table', '$x', '-- x', '{a,b}'])
    it(`takes the directory name ${name} as it is`, async () => {
      const directory = join(places.inputs, name, 'extract')
      await writeFiles(directory, smallExtract)
      expect(shown(await read(directory))).to.deep.equal(sound)
    })

  it('follows symbolic links', async () => {
    const elsewhere = join(places.inputs, 'elsewhere')
    await writeFiles(elsewhere, smallExtract)
    await mkdir(join(extract, 'private'), { recursive: true })
    await symlink(join(elsewhere, 'public'), join(extract, 'public'))
    for (const file of ['extract_summary.json', people, links])
      await symlink(join(elsewhere, file), join(extract, file))
    expect(shown(await read())).to.deep.equal(sound)
  })

  it('streams 50,000 studies in order, in batches', async () => {
    await writeFiles(extract, {
      'extract_summary.json': summaryText(),
      [people]: `select i as person_id, 'M' || i as "PrimaryMrn" from range(5000) t(i)`,
      [links]: `select i as procedure_occurrence_id, 'A' || (i // 2) as "AccessionNumber" from range(100000) t(i)`,
      [procedures]: `select i as procedure_occurrence_id, i // 20 as person_id, date '2015-01-01' + (hash(i // 2) % 3000)::int as procedure_date from range(100000) t(i)`,
    })
    const cohort = await open(extract)
    if (E.isLeft(cohort)) throw new Error(describeError(cohort.left))
    let batches = 0
    let last = ''
    for await (const batch of cohort.right.batches) {
      batches += 1
      expect(batch.length).to.be.within(1, 1000)
      for (const { studyDate, procedureOccurrenceId } of batch) {
        expect(studyDate >= last).to.equal(true)
        expect(procedureOccurrenceId! % 2).to.equal(0)
        last = studyDate
      }
    }
    expect(batches).to.be.at.least(50)
    expect(cohort.right.summary()).to.include({ rows: 100_000, accepted: 50_000, duplicates: 50_000, rejected: 0 })
    await cohort.right.close()
  })

  describe('refusals', () => {
    const summary = 'extract_summary.json'
    const summaries: Readonly<Record<string, readonly [string, RegExp]>> = {
      'is not JSON': ['{', /extract_summary\.json: it is not JSON/],
      'is a list': ['[]', /value: expected object with settings and datetime/],
      'has no project name': [
        JSON.stringify({ settings: {}, datetime: '2023-12-07 14:08:58' }),
        /settings\.cdm_source_name: expected string/,
      ],
      'has a project name without a slug': [summaryText('🏥'), /settings\.cdm_source_name: expected a project name/],
      'has no time': [JSON.stringify({ settings: { cdm_source_name: 'x' } }), /datetime: expected date and time/],
      'has an impossible time': [summaryText('x', '2023-02-30 14:08:58'), /datetime: expected date and time/],
    }
    for (const [name, [text, expected]] of Object.entries(summaries))
      it(`says that the summary ${name}`, async () => {
        await writeFiles(extract, { ...smallExtract, [summary]: text })
        expect(await refusal())
          .to.match(expected)
          .and.include(join(extract, summary))
      })

    it('says that the summary is missing', async () => {
      await mkdir(extract)
      expect(await refusal()).to.equal(
        `${extract}/extract_summary.json: it does not exist; name the directory of an OMOP ES extract, which holds this file.`,
      )
    })

    for (const file of [people, links, procedures]) {
      it(`says that ${file} is missing`, async () => {
        const { [file]: _, ...rest } = smallExtract
        await writeFiles(extract, rest)
        expect(await refusal()).to.include(`${join(extract, file)}: it does not exist`)
      })

      it(`says that ${file} is no parquet file`, async () => {
        for (const content of ['', 'PAR1', 'PAR1 no table PAR1', 'x'.repeat(5000)]) {
          await writeFiles(extract, { ...smallExtract, [file]: content })
          expect(await refusal()).to.include(`${join(extract, file)}: it is no parquet file, or is damaged`)
        }
      })

      it(`says that ${file} is cut short, or damaged inside`, async () => {
        await writeFiles(extract, smallExtract, ', codec zstd')
        const whole = await readFile(join(extract, file))
        const spoilt = Uint8Array.from(whole)
        spoilt.fill(0xff, 4, 40)
        await writeFile(join(extract, file), spoilt)
        expect(await refusal()).to.include(`${join(extract, file)}: it is no parquet file, or is damaged`)
        await writeFile(join(extract, file), whole)
        await truncate(join(extract, file), whole.length - 9)
        expect(await refusal()).to.include(`${join(extract, file)}: it is no parquet file, or is damaged`)
      })
    }

    it('says which column of which part is missing and which are there', async () => {
      const { [procedures]: _, ...rest } = smallExtract
      const folder = 'public/omop/procedure_occurrence'
      await writeFiles(extract, {
        ...rest,
        [`${folder}/part-0.parquet`]: smallExtract[procedures]!,
        [`${folder}/part-1.parquet`]: `select 10 as procedure_occurrence_id, date '2022-11-22' as "procedureDate"`,
      })
      expect(await refusal()).to.equal(
        `${join(extract, folder)}/part-1.parquet: column person_id and column procedure_date is missing ` +
          `(there are: procedure_occurrence_id, proceduredate); put the PROCEDURE_OCCURRENCE table of an OMOP ES extract in its place.`,
      )
    })

    it('says which column has a type it cannot use', async () => {
      await writeFiles(extract, {
        ...smallExtract,
        [procedures]: `select 10 as procedure_occurrence_id, 1 as person_id, 20221122 as procedure_date`,
      })
      expect(await refusal()).to.include('column procedure_date has type INTEGER, expected a date')
    })

    it('says that a dataset has no parts, or stands beside a file of the same table', async () => {
      await writeFiles(extract, smallExtract)
      await mkdir(join(extract, 'private/person_links'))
      expect(await refusal()).to.include('holds both PERSON_LINKS.parquet and person_links/')
      await rename(join(extract, people), join(extract, 'private/other.parquet'))
      expect(await refusal()).to.include('person_links: it holds no part-*.parquet')
    })

    it('says that a directory stands where a file should', async () => {
      await writeFiles(extract, smallExtract)
      await rename(join(extract, links), join(extract, 'x.parquet'))
      await mkdir(join(extract, links))
      expect(await refusal()).to.include(`${join(extract, links)}: it is not a file`)
    })

    it('says that nothing joins', async () => {
      await writeFiles(extract, {
        ...smallExtract,
        [links]: `select 11 as procedure_occurrence_id, 'A' as "AccessionNumber"`,
      })
      expect(await refusal()).to.include(`${extract}: it asks for no study`)
    })

    it('says why none of the rows can be requested', async () => {
      await writeFiles(extract, { ...smallExtract, [people]: `select 2 as person_id, 'MRN1' as "PrimaryMrn"` })
      expect(await refusal()).to.include(
        `none of its 1 rows can be requested (${procedures}, line 1, column person_id: expected a person that PERSON_LINKS has)`,
      )
    })

    it('says that the source is nothing to read', async () => {
      expect(await refusal(join(places.inputs, 'nowhere'))).to.include('nowhere: it does not exist')
      await writeFile(join(places.inputs, 'file'), '')
      expect(await refusal(join(places.inputs, 'file', 'x'))).to.include('a part of its path is not a directory')
      expect(await refusal('/dev/null')).to.include('it is neither a directory nor a file')
      expect(await refusal('a\0b')).to.include('no possible file name')
      expect(await refusal('')).to.equal('the cohort: it does not exist; check the name.')
    })
  })
})
