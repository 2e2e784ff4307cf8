import { expect } from 'chai'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import type { Marker } from '../../adapters/synthetic/markers.js'
import { sensitive } from '../../domain/sensitive.js'
import type { Finding } from './canary.js'
import { sweep } from './canary.js'
import { removeTemporaryDirectories, temporaryDirectory } from './directories.js'
import type { Form } from './marker-forms.js'

const name: Marker = { label: 'name', value: 'Zorvquil^Müxt Å', encoding: 'utf8' }
const mrn: Marker = { label: 'mrn', value: 'RZ4711Q815', encoding: 'utf8' }
const birthDate: Marker = { label: 'birth date', value: '19370412', encoding: 'utf8' }
const kanji: Marker = { label: 'kanji', value: '\x1b$B;3ED\x1b(B', encoding: 'latin1' }
const markers = [name, mrn, birthDate, kanji]

const inText = (text: string): Promise<ReadonlyArray<Finding>> => sweep({ markers, places: [{ name: 'log', text }] })

const inFile = async (bytes: Uint8Array): Promise<ReadonlyArray<Finding>> => {
  const path = join(await temporaryDirectory(), 'out.bin')
  await writeFile(path, bytes)
  return sweep({ markers, places: [{ name: 'file', path }] })
}

/** A zip file of text entries (APPNOTE 4.3), stored or deflated. */
const zipOf = (entries: ReadonlyArray<readonly [string, string]>, store: boolean): Buffer => {
  const files = entries.map(([entry, text]) => {
    const content = store ? Buffer.from(text) : deflateRawSync(text)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(store ? 0 : 8, 4)
    fields.writeUInt32LE(crc32(text), 10)
    fields.writeUInt32LE(content.length, 14)
    fields.writeUInt32LE(Buffer.byteLength(text), 18)
    fields.writeUInt16LE(Buffer.byteLength(entry), 22)
    return { name: Buffer.from(entry), fields, content }
  })
  const local = files.map(({ name, fields, content }) =>
    Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, content]),
  )
  const central = files.map(({ name, fields }, i) => {
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(Buffer.concat(local.slice(0, i)).length, 10)
    return Buffer.concat([Buffer.from('PK\x01\x02\x14\0'), fields, rest, name])
  })
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.length, 4)
  end.writeUInt16LE(files.length, 6)
  end.writeUInt32LE(Buffer.concat(central).length, 8)
  end.writeUInt32LE(Buffer.concat(local).length, 12)
  return Buffer.concat([...local, ...central, Buffer.from('PK\x05\x06'), end])
}

describe('canary sweep', () => {
  afterEach(removeTemporaryDirectories)

  const written: ReadonlyArray<readonly [Form, string, string]> = [
    ['plain', 'as it is', mrn.value],
    ['plain', 'in lower case', mrn.value.toLowerCase()],
    ['plain', 'in upper case beyond ASCII', name.value.toUpperCase()],
    ['base64', 'at the first byte of three', Buffer.from(`${mrn.value}, seen`).toString('base64')],
    ['base64', 'at the second byte of three', Buffer.from(`x${mrn.value}, seen`).toString('base64')],
    ['base64', 'at the third byte of three', Buffer.from(`xy${mrn.value}`).toString('base64')],
    ['base64', 'in the URL alphabet', Buffer.from(`>${name.value}?`).toString('base64url')],
    ['hex', 'in lower case', Buffer.from(mrn.value).toString('hex')],
    ['hex', 'in upper case', Buffer.from(name.value).toString('hex').toUpperCase()],
    ['url-encoded', 'with percent signs', encodeURIComponent(name.value)],
    ['url-encoded', 'with plus signs', encodeURIComponent(name.value).replaceAll('%20', '+')],
    ['escaped', 'as ASCII JSON writes it', 'Zorvquil^M\\u00fcxt \\u00c5'],
    ['reversed', 'as text', [...name.value].reverse().join('')],
  ]
  for (const [form, how, text] of written)
    it(`finds a marker ${form}, ${how}`, async () => {
      const findings = await inText(`before ${text} after`)
      expect(findings.map((finding) => finding.form)).to.include(form)
      expect(new Set(findings.map(({ marker }) => marker)).size).to.equal(1)
    })

  it('finds a marker in both byte orders of UTF-16', async () => {
    const [little, big] = [Buffer.from(mrn.value, 'utf16le'), Buffer.from(mrn.value, 'utf16le').swap16()]
    expect(await inFile(little)).to.deep.equal([{ place: 'file', marker: 'mrn', form: 'utf-16le' }])
    expect(await inFile(big)).to.deep.equal([{ place: 'file', marker: 'mrn', form: 'utf-16be' }])
  })

  it('finds a marker in bytes of another character set', async () => {
    const findings = await inFile(Buffer.from(`\x00\x10${kanji.value}\xff`, 'latin1'))
    expect(findings).to.deep.equal([{ place: 'file', marker: 'kanji', form: 'plain' }])
  })

  it('finds a number on its own and not inside another number', async () => {
    for (const text of ['19370412', 'born 19370412.', '"21407391"']) expect(await inText(text)).to.have.length(1)
    for (const text of ['2.25.5193704129', '193704121', '921407391']) expect(await inText(text)).to.have.length(0)
    expect(await inFile(Buffer.from('193704123', 'utf16le'))).to.have.length(0)
    expect(await inFile(Buffer.from('x19370412y', 'utf16le').swap16())).to.not.have.length(0)
  })

  it('finds a marker that lies across the pieces a large file is read in', async () => {
    for (const before of [1, 2, 5, 9]) {
      const bytes = Buffer.alloc(3 << 20, 'abc')
      bytes.write(mrn.value, (1 << 20) - before)
      bytes.write(birthDate.value, (2 << 20) - before)
      expect((await inFile(bytes)).map(({ marker }) => marker)).to.have.members(['mrn', 'birth date'])
    }
  })

  it('finds markers in names of files and folders and in targets of links, without repeating them', async () => {
    const root = await temporaryDirectory()
    await mkdir(join(root, mrn.value))
    await writeFile(join(root, mrn.value, 'clean'), 'clean')
    await symlink(`/nowhere/${name.value}`, join(root, 'link'))
    const findings = await sweep({ markers, places: [{ name: 'out', path: root }] })
    expect(findings.map(({ marker }) => marker)).to.have.members(['mrn', 'name'])
    expect(JSON.stringify(findings)).to.not.match(/RZ4711|Zorvquil/)
  })

  for (const store of [true, false])
    it(`finds markers in names and contents of ${store ? 'stored' : 'deflated'} zip entries`, async () => {
      const root = await temporaryDirectory()
      const entries = [
        ['clean.txt', `${'so '.repeat(500)}${name.value}`],
        [`${mrn.value}.txt`, 'clean'],
      ] as const
      await writeFile(join(root, 'study.zip'), zipOf(entries, store))
      const findings = await sweep({ markers, places: [{ name: 'out', path: root }] })
      expect(findings).to.deep.include({ place: 'out/study.zip/clean.txt', marker: 'name', form: 'plain' })
      expect(findings).to.deep.include({ place: 'out/study.zip: entry 2, name withheld', marker: 'mrn', form: 'plain' })
    })

  it('reports a zip it cannot look into', async () => {
    const zip = zipOf([['a', 'clean']], false)
    const findings = await inFile(zip.subarray(0, zip.length - 10))
    expect(findings).to.deep.equal([{ place: 'file', marker: 'not known', form: 'unreadable' }])
  })

  it('finds markers in every way an error may be printed', async () => {
    const leaking: ReadonlyArray<unknown> = [
      new Error(`no ${mrn.value}`),
      new Error('no', { cause: new Error(mrn.value) }),
      Object.assign(new Error('no'), { options: { body: mrn.value } }),
      { toJSON: () => mrn.value },
      { toString: () => mrn.value },
      { deep: { deep: { deep: { deep: [mrn.value] } } } },
    ]
    for (const value of leaking)
      expect(await sweep({ markers, places: [{ name: 'error', value }] })).to.deep.equal([
        { place: 'error', marker: 'mrn', form: 'plain' },
      ])
  })

  it('finds nothing in what holds nothing', async () => {
    const root = await temporaryDirectory()
    await mkdir(join(root, 'a', 'b'), { recursive: true })
    await writeFile(join(root, 'a', 'b', 'empty'), '')
    await writeFile(join(root, 'a', 'short'), 'RZ')
    await writeFile(join(root, 'study.zip'), zipOf([['1/2.dcm', 'ANONYMIZED']], true))
    const cyclic: { self?: unknown; mrn: unknown } = { mrn: sensitive(mrn.value) }
    cyclic.self = cyclic
    const places = [
      { name: 'out', path: root },
      { name: 'log', text: 'exported 3 studies' },
      { name: 'value', value: cyclic },
    ]
    expect(await sweep({ markers, places })).to.deep.equal([])
  })

  it('refuses a marker so short that chance would find it, and a place that is not there', async () => {
    const short: Marker = { label: 'initials', value: 'ZQ', encoding: 'utf8' }
    const absent = { name: 'out', path: join(await temporaryDirectory(), 'absent') }
    const failures = await Promise.allSettled([
      sweep({ markers: [short], places: [] }),
      sweep({ markers, places: [absent] }),
    ])
    expect(failures.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
  })
})
