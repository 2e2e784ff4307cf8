import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import fc from 'fast-check'
import * as yauzl from 'yauzl'
import { checkZip, checkZipBytes } from '../../../adapters/zip/check-zip.js'
import type { ZipEntrySource } from '../../../adapters/zip/write-zip.js'
import { writeZip } from '../../../adapters/zip/write-zip.js'

async function* content(...chunks: ReadonlyArray<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve()
    yield chunk
  }
}
const entry = (name: string, bytes: Uint8Array, announced = bytes.length): ZipEntrySource => ({
  name,
  bytes: announced,
  open: () => content(bytes.subarray(0, 3), bytes.subarray(3)),
})
const zipOf = (...entries: ReadonlyArray<ZipEntrySource>): Promise<Buffer> => buffer(writeZip(entries))
const failureOf = async (run: () => Promise<unknown>): Promise<string> => {
  try {
    await run()
  } catch (caught) {
    return (caught as Error).message
  }
  return 'nothing was thrown'
}

describe('zip writer', () => {
  it('writes what another reader reads back, name by name and byte by byte', async () => {
    const wanted = [
      ['1.2/3.4.dcm', Buffer.from('first instance')],
      ['1.2/3.5.dcm', Buffer.alloc(200_000, 7)],
      ['1.3/ü.dcm', Buffer.alloc(0)],
    ] as const
    const zip = await yauzl.fromBufferPromise(await zipOf(...wanted.map(([name, bytes]) => entry(name, bytes))))
    const found: Array<readonly [string, Buffer]> = []
    for await (const each of zip.eachEntry()) {
      expect(each.compressionMethod).to.equal(0)
      found.push([each.fileName, await buffer(await zip.openReadStreamPromise(each))])
    }
    expect(found).to.deep.equal(wanted)
  })

  it('gives equal bytes for equal content, however it is cut into chunks', async () => {
    const bytes = Buffer.from('the same content')
    const other = { name: 'a', bytes: bytes.length, open: () => content(bytes) }
    expect((await zipOf(entry('a', bytes))).equals(await zipOf(other))).to.equal(true)
  })

  it('writes more entries than the plain format can count', async () => {
    const many = function* (): Generator<ZipEntrySource> {
      for (let i = 0; i < 65_536; i++) yield entry(`a/${i}`, Buffer.from('x'))
    }
    expect(await checkZipBytes(await buffer(writeZip(many())))).to.deep.equal({
      _tag: 'Sound',
      entries: 65_536,
      folders: 1,
      bytes: 65_536,
    })
  })

  it('announces an entry above 4 GiB in a zip64 field before its content', async () => {
    const bytes = 5_000_000_000
    const large = { name: 'a', bytes, open: () => content(Buffer.alloc(100_000)) }
    for await (const chunk of writeZip([large])) {
      const header = Buffer.from(chunk)
      expect([header.readUInt16LE(4), header.readUInt32LE(22), header.readUInt16LE(31)]).to.deep.equal([
        45, 0xffffffff, 1,
      ])
      expect(Number(header.readBigUInt64LE(35))).to.equal(bytes)
      break
    }
  })

  it('breaks when content is shorter or longer than announced', async () => {
    const bytes = Buffer.from('content')
    expect(await failureOf(() => zipOf(entry('a', bytes, 8)))).to.contain('shorter than announced')
    expect(await failureOf(() => zipOf(entry('a', bytes, 6)))).to.contain('longer than announced')
  })

  it('opens nothing before it is asked for and closes what it opened when the reader leaves', async () => {
    const log: Array<string> = []
    const watched = (name: string): ZipEntrySource => ({
      name,
      bytes: 200_000,
      open: async function* () {
        log.push(`open ${name}`)
        try {
          yield* content(Buffer.alloc(100_000), Buffer.alloc(100_000))
        } finally {
          log.push(`close ${name}`)
        }
      },
    })
    const stream = writeZip([watched('a'), watched('b')])
    expect(log).to.deep.equal([])
    let chunks = 0
    for await (const _chunk of stream) if (++chunks === 2) break
    expect(log).to.deep.equal(['open a', 'close a'])
  })
})

describe('zip check', () => {
  const sample = (): Promise<Buffer> =>
    zipOf(entry('1.2/1.dcm', Buffer.alloc(500, 1)), entry('1.3/2.dcm', Buffer.alloc(700, 2)))

  it('counts entries, folders and bytes of a whole file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pixl-zip-'))
    try {
      await writeFile(join(folder, 'a.zip'), await sample())
      expect(await checkZip(join(folder, 'a.zip'))).to.deep.equal({
        _tag: 'Sound',
        entries: 2,
        folders: 2,
        bytes: 1200,
      })
      expect(await failureOf(() => checkZip(join(folder, 'missing.zip')))).to.contain('ENOENT')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('never accepts a file cut at any place', async () => {
    const whole = await sample()
    for (let length = 0; length < whole.length; length++) {
      expect((await checkZipBytes(whole.subarray(0, length)))._tag, `cut to ${length} bytes`).to.equal('Damaged')
    }
  })

  it('notices a changed byte of the content of any entry', async () => {
    const whole = await sample()
    const starts = [whole.indexOf(Buffer.alloc(500, 1)), whole.indexOf(Buffer.alloc(700, 2))] as const
    for (const at of [starts[0], starts[0] + 499, starts[1], starts[1] + 699]) {
      const changed = Buffer.from(whole)
      changed[at] = 9
      expect(await checkZipBytes(changed)).to.deep.equal({
        _tag: 'Damaged',
        problem: 'an entry has another checksum than the directory says',
      })
    }
  })

  it('refuses two entries of one name', async () => {
    const twice = await zipOf(entry('a', Buffer.from('1')), entry('a', Buffer.from('2')))
    expect(await checkZipBytes(twice)).to.deep.equal({ _tag: 'Damaged', problem: 'two entries have the same name' })
  })

  it('refuses two entries that share their content', async () => {
    const zip = await zipOf(entry('a', Buffer.from('same')), entry('b', Buffer.from('same')))
    const second = zip.lastIndexOf('PK\u0001\u0002')
    zip.writeUInt32LE(0, second + 42)
    expect(await checkZipBytes(zip)).to.deep.equal({
      _tag: 'Damaged',
      problem: 'entries overlap or stand in another order',
    })
  })

  it('answers, and never throws, whatever the bytes', async () => {
    const whole = await sample()
    const mutilated = fc
      .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
      .map((changes) => {
        const copy = Buffer.from(whole)
        for (const [at, value] of changes) copy[at] = value
        return copy
      })
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutilated, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        expect((await checkZipBytes(bytes))._tag).to.be.oneOf(['Sound', 'Damaged'])
      }),
      { numRuns: 300 },
    )
  })
})
