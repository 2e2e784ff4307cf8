import { expect } from 'chai'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readHeader } from '../../../adapters/dicom/header.js'
import type { DataSet, FileOptions } from '../../support/dicom.js'
import { dicomFile, el, encapsulated, encodeElement, sq, syntaxes } from '../../support/dicom.js'
import { ctInstance, ctStorage, makeDirectory, originalStudyUid, removeDirectory } from '../../support/dicom-study.js'

describe('dicom readHeader', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await makeDirectory()
  })
  afterEach(() => removeDirectory(directory))

  const readBytes = async (bytes: Buffer) => {
    const path = join(directory, 'file')
    await writeFile(path, bytes)
    return readHeader(path)
  }
  const read = (dataSet: DataSet, options: FileOptions = {}) => readBytes(dicomFile(dataSet, options))
  const problemOf = async (bytes: Buffer): Promise<string> => {
    const reading = await readBytes(bytes)
    return reading._tag === 'Damaged' ? reading.problem : reading._tag
  }

  const expected = {
    _tag: 'Header',
    studyInstanceUid: originalStudyUid,
    seriesInstanceUid: `${originalStudyUid}.1`,
    sopInstanceUid: `${originalStudyUid}.1.1`,
    patientId: 'MRN-ZZLEAK-1',
    accessionNumber: 'ACC-ZZLEAK-1',
    studyDate: '20220304',
    facts: {
      modality: 'CT',
      manufacturer: 'Acme Imaging',
      seriesNumber: 1,
      seriesDescription: 'Thorax axial',
      sopClassUid: ctStorage,
      burnedInAnnotation: '',
      imageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
      conversionType: '',
    },
  }

  for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
    it(`reads what identifies and decides in ${transferSyntax}`, async () => {
      expect(await read(ctInstance(), { transferSyntax })).to.deep.equal(expected)
    })

  it('reads past encapsulated pixel data to elements after it', async () => {
    const dataSet = ctInstance({}, [
      encapsulated([Buffer.alloc(70_000, 1), Buffer.alloc(10, 2)]),
      el(0xfffcfffc, 'OB', Buffer.alloc(20)),
    ])
    expect(await read(dataSet, { transferSyntax: syntaxes.jpeg })).to.deep.equal(expected)
  })

  it('does not trust the length of the file meta information', async () => {
    expect(await read(ctInstance(), { metaLength: 7 })).to.deep.equal(expected)
    expect(await read(ctInstance(), { metaLength: 0x7fffffff })).to.deep.equal(expected)
  })

  it('takes zero bytes after the last element for padding', async () => {
    for (const length of [1, 7, 8, 5000])
      expect(await read(ctInstance(), { trailing: Buffer.alloc(length) })).to.deep.equal(expected)
  })

  it('takes a value of odd length as it is', async () => {
    const reading = await read(ctInstance({}, [el(0x00100020, 'LO', Buffer.from('ODD'))]))
    expect(reading).to.have.property('patientId', 'ODD')
  })

  it('reads the identifiers before and after private and nested sequences of every kind', async () => {
    const items = [[el(0x00100020, 'LO', 'NESTED-1')], []]
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      for (const delimited of [false, true])
        for (const vr of ['SQ', 'UN'] as const) {
          const more = [sq(0x00081140, items, delimited, vr), sq(0x00091001, items, delimited, vr)]
          expect(await read(ctInstance({}, more), { transferSyntax })).to.deep.equal(expected)
        }
  })

  it('decodes Latin-1, UTF-8, Cyrillic, Japanese and Chinese text', async () => {
    const cases: ReadonlyArray<readonly [string, Buffer, string]> = [
      ['ISO_IR 100', Buffer.from('Zo\xeb-42', 'latin1'), 'Zoë-42'],
      ['ISO_IR 192', Buffer.from('Zoë-42'), 'Zoë-42'],
      ['ISO_IR 6', Buffer.from('PLAIN 42'), 'PLAIN 42'],
      ['ISO_IR 144', Buffer.from([0xbf, 0xd5, 0xe2, 0xe0]), 'Петр'],
      ['\\ISO 2022 IR 87', Buffer.from('\x1b$B;3ED\x1b(B', 'latin1'), '山田'],
      ['\\ISO 2022 IR 149', Buffer.from([0x1b, 0x24, 0x29, 0x43, 0xb1, 0xe8]), '김'],
      ['GB18030', Buffer.from([0xcd, 0xf5]), '王'],
    ]
    for (const [characterSet, bytes, text] of cases) {
      const more = [el(0x00080005, 'CS', characterSet), el(0x00100020, 'LO', bytes)]
      expect(await read(ctInstance({}, more))).to.have.property('patientId', text)
    }
  })

  it('leaves out what is absent and a series number that is no integer', async () => {
    const reading = await read([el(0x00200011, 'IS', '1.5')])
    expect(reading).to.deep.include({ _tag: 'Header', studyInstanceUid: '', patientId: '' })
    expect(reading).to.have.nested.property('facts.seriesNumber', null)
  })

  it('tells files that are not DICOM from damaged ones', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('DICM'), Buffer.alloc(5000), Buffer.from('%PDF-1.4')])
      expect(await readBytes(bytes)).to.deep.equal({ _tag: 'NotDicom' })
    expect(await problemOf(Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]))).to.match(/no transfer syntax/)
  })

  it('finds every truncation of a file, and tells the study when that came before the cut', async () => {
    const dataSet = ctInstance({}, [sq(0x00081140, [[el(0x00081155, 'UI', '1.2')]], true)])
    const whole = dicomFile(dataSet)
    const lengthUpTo = (tag: number): number => dicomFile(dataSet.filter((element) => element.tag <= tag)).length
    // Cut exactly between two elements before the image is described, nothing in the file tells.
    const untold = new Set(dataSet.filter(({ tag }) => tag < 0x00280100).map(({ tag }) => lengthUpTo(tag)))
    const studyIsRead = lengthUpTo(0x0020000d)
    for (let length = dicomFile([]).length + 1; length < whole.length; length++) {
      const reading = await readBytes(whole.subarray(0, length))
      expect(reading._tag).to.equal(untold.has(length) ? 'Header' : 'Damaged', `cut after ${length} bytes`)
      expect('studyInstanceUid' in reading && reading.studyInstanceUid !== '').to.equal(length >= studyIsRead)
    }
  })

  it('calls an image without pixel data damaged: its writer stopped after the header', async () => {
    const dataSet = ctInstance().filter(({ tag }) => tag !== 0x7fe00010)
    expect(await problemOf(dicomFile(dataSet))).to.equal('it describes an image but holds no pixel data')
  })

  it('refuses deflated and big-endian files with a sentence', async () => {
    expect(await problemOf(dicomFile(ctInstance(), { transferSyntax: syntaxes.deflated }))).to.match(
      /deflated; convert/,
    )
    expect(await problemOf(dicomFile(ctInstance(), { transferSyntax: syntaxes.bigEndian }))).to.match(
      /big endian; convert/,
    )
    expect(await problemOf(dicomFile(ctInstance(), { transferSyntax: '1.2.3' }))).to.match(/not supported; convert/)
  })

  it('refuses lengths that lie and sequences without end', async () => {
    const last = (element: Buffer): Buffer => Buffer.concat([dicomFile([]), element])
    const long = encodeElement(el(0x00091001, 'OB', Buffer.alloc(4)), false)
    long.writeUInt32LE(0xfffffff0, 8)
    expect(await problemOf(last(long))).to.equal('(0009,1001) is longer than what is left of the file or item')
    expect(await problemOf(dicomFile([sq(0x00081140, [[sq(0x00081140, [[]])]], true)]).subarray(0, -8))).to.match(
      /no end/,
    )
    const badVr = encodeElement(el(0x00091001, '??', Buffer.alloc(4)), false)
    expect(await problemOf(last(badVr))).to.equal('(0009,1001) has no valid value representation')
    expect(await problemOf(last(Buffer.from('feff0de000000000', 'hex')))).to.match(/delimiter is where an element/)
    expect(await problemOf(last(Buffer.from('0800050043530000', 'hex').subarray(0, 6)))).to.match(/cut off/)
  })

  it('refuses bytes after the data set that are no padding, however many zeros come first', async () => {
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit]) {
      const trailing = Buffer.alloc(2_000_000)
      trailing[trailing.length - 1] = 1
      const bytes = dicomFile(ctInstance(), { transferSyntax, trailing })
      expect(await problemOf(bytes)).to.equal('something that is not an element follows the data set')
    }
  })

  it('refuses sequences nested without limit', async () => {
    const open = Buffer.concat([
      Buffer.from('080040115351' + '0000ffffffff', 'hex'),
      Buffer.from('feff00e0ffffffff', 'hex'),
    ])
    const bytes = Buffer.concat([dicomFile([]), ...Array.from({ length: 100_000 }, () => open)])
    expect(await problemOf(bytes)).to.equal('sequences are nested more than 32 deep')
  })

  it('refuses a deciding element that is there twice', async () => {
    const twice = [el(0x00280301, 'CS', 'NO'), el(0x00280301, 'CS', 'YES')]
    expect(await problemOf(dicomFile(twice))).to.equal('(0028,0301) is there twice')
  })

  it('rejects with what the file system says when there is no file', async () => {
    const caught = await readHeader(join(directory, 'absent')).catch((error: unknown) => error)
    expect(caught).to.have.property('code', 'ENOENT')
  })
})
