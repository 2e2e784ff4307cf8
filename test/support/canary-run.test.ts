import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type { Marker } from '../../adapters/synthetic/markers.js'
import { writeZip } from '../../adapters/zip/write-zip.js'
import { sensitive } from '../../domain/sensitive.js'
import { runSql } from '../adapters/duckdb/extract-files.js'
import { sweep } from './canary.js'
import { canWatchArguments, secretMarkers, sweepRun, watchArguments } from './canary-run.js'
import { removeTemporaryDirectories, temporaryDirectory } from './directories.js'

const mrn: Marker = { label: 'mrn', value: 'RZ4711Q815', encoding: 'utf8' }
const secrets = secretMarkers({ password: sensitive('s3cr3t-Zq!'), 'installation key': sensitive('Kq9-kq9-Kq9') })
const markers = [mrn, ...secrets]

const zipOf = (name: string, bytes: Uint8Array): Promise<Buffer> =>
  buffer(
    writeZip([
      {
        name,
        bytes: bytes.length,
        open: async function* () {
          yield await Promise.resolve(bytes)
        },
      },
    ]),
  )

const inFile = async (name: string, bytes: Uint8Array): Promise<ReadonlyArray<string>> => {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, name), bytes)
  const findings = await sweep({ markers, places: [{ name: 'out', path: directory }] })
  return findings.map(({ place, marker, form }) => `${place}: ${marker} ${form}`)
}

const parquetOf = async (codec: string): Promise<string> => {
  const path = join(await temporaryDirectory(), 'a.parquet')
  const rows = `select 'a person with number ' || repeat('x', i::int % 7) as note,
    case when i = 24999 then 'RZ4711' || 'Q815' end as hidden from range(25000) t(i)`
  await runSql(`copy (${rows}) to '${path}' (format parquet, codec '${codec}')`)
  return path
}

describe('canary sweep of a run', () => {
  afterEach(removeTemporaryDirectories)

  it('looks into gzip, gzip in zip, and zip in gzip', async () => {
    const text = Buffer.from(`${'so '.repeat(3000)}${mrn.value}`)
    expect(await inFile('a.log.gz', gzipSync(text))).to.deep.equal(['out/a.log.gz: mrn plain'])
    expect(await inFile('a.zip', await zipOf('b.gz', gzipSync(text)))).to.deep.equal(['out/a.zip/b.gz: mrn plain'])
    expect(await inFile('a.gz', gzipSync(await zipOf('b', text)))).to.include('out/a.gz/b: mrn plain')
  })

  it('reports a gzip or a parquet file it cannot look into', async () => {
    const whole = gzipSync(Buffer.from('clean'.repeat(100)))
    expect(await inFile('a.gz', whole.subarray(0, -4))).to.deep.equal(['out/a.gz: not known unreadable'])
    expect(await inFile('a.parquet', Buffer.from('PAR1 nothing more'))).to.deep.equal([
      'out/a.parquet: not known unreadable',
    ])
  })

  for (const codec of ['snappy', 'zstd', 'gzip'])
    it(`looks into the rows of a parquet file compressed with ${codec}`, async () => {
      const findings = await sweep({ markers, places: [{ name: 'table', path: await parquetOf(codec) }] })
      expect(findings).to.deep.include({ place: 'table', marker: 'mrn', form: 'plain' })
    })

  it('finds secrets in every sink', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'state'))
    await writeFile(join(directory, 'state', 'left.tmp'), 'key=Kq9-kq9-Kq9')
    const findings = await sweepRun(markers, {
      printed: { stderr: '{"level":10,"msg":"s3cr3t-Zq!"}', stdout: 'clean' },
      values: { error: Object.assign(new Error('no'), { options: { password: 's3cr3t-Zq!' } }) },
      paths: { state: join(directory, 'state') },
      commandLines: ['curl -u user:s3cr3t-Zq! ftp://host'],
    })
    expect(findings.map(({ place, marker }) => `${place}: ${marker}`)).to.have.members([
      'stderr: password',
      'error: password',
      'state/left.tmp: installation key',
      'process arguments: password',
    ])
  })

  it('finds nothing in a run that says nothing', async () => {
    const error = { _tag: 'Unavailable', secret: sensitive('s3cr3t-Zq!') }
    expect(await sweepRun(markers, { printed: { stdout: 'done' }, values: { error }, commandLines: ['node'] })).to.be
      .empty
    expect(await sweepRun(markers, {})).to.be.empty
  })

  it('refuses a secret that chance would find', () => {
    expect(() => secretMarkers({ salt: sensitive('abc') })).to.throw('too short')
  })

  it('sees the arguments of processes and of those they start, while they run', async function () {
    if (!(await canWatchArguments())) this.skip()
    const inner = `setTimeout(() => {}, 60_000); console.log('ready')`
    const outer = `const {spawn} = require('node:child_process');
      const inner = spawn(process.execPath, ['-e', ${JSON.stringify(inner)}, process.argv[1].split('').reverse().join('')], { stdio: 'inherit' });
      process.on('SIGTERM', () => { inner.kill(); process.exit() })`
    const watch = watchArguments()
    const child = spawn(process.execPath, ['-e', outer, [...mrn.value].reverse().join('')])
    await once(child.stdout, 'data')
    const commandLines = await watch.stop()
    child.kill()
    await once(child, 'exit')
    const findings = await sweepRun(markers, { commandLines })
    expect(findings.map(({ form }) => form)).to.have.members(['reversed', 'plain'])
  })
})
