import { expect } from 'chai'
import dicomParser from 'dicom-parser'
import type { Encoding, FileHead } from '../../../adapters/synthetic/dicom-writer.js'
import { element, encodeFile, transferSyntaxes } from '../../../adapters/synthetic/dicom-writer.js'
import { imageSize, phantom16, rleFrame } from '../../../adapters/synthetic/pixels.js'
import { makeRandom } from '../../../adapters/synthetic/random.js'

const head: FileHead = {
  sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
  sopInstanceUid: '1.2.3',
  sourceAeTitle: 'SENDER',
  preamble: 'II*',
}

const dataSet = [
  element(0x00200013, 'IS', '7'),
  element(0x00080018, 'UI', '1.2.3'),
  element(0x00100010, 'PN', Buffer.from('Müller^A', 'utf8')),
  element(0x00081110, 'SQ', [
    [element(0x00081155, 'UI', '1.2.3.4'), element(0x00081150, 'UI', '1.2')],
    [element(0x00081111, 'SQ', [[element(0x00081155, 'UI', '1.2.3.5')]])],
  ]),
  element(0x00280010, 'US', [64]),
  element(0x00400555, 'SQ', []),
  element(0x00420011, 'OB', Buffer.from('odd')),
]

const encodings: ReadonlyArray<Encoding> = (['implicit', 'explicit', 'jpeg', 'rle'] as const).flatMap(
  (transferSyntax) => (['defined', 'undefined'] as const).map((sequences) => ({ transferSyntax, sequences })),
)

/** PackBits decoding, the other way round from the writer's. */
const unpack = (packed: Buffer, length: number): Buffer => {
  const bytes: Array<number> = []
  for (let at = 0; bytes.length < length;) {
    const count = packed.readInt8(at)
    if (count >= 0) bytes.push(...packed.subarray(at + 1, at + 2 + count))
    else bytes.push(...Array.from({ length: 1 - count }, () => packed[at + 1]!))
    at += count >= 0 ? count + 2 : 2
  }
  return Buffer.from(bytes)
}

describe('synthetic DICOM writer', () => {
  for (const encoding of encodings)
    it(`writes ${encoding.transferSyntax} with sequences of ${encoding.sequences} length as a parser reads it`, () => {
      const bytes = encodeFile(head, dataSet, encoding)
      const parsed = dicomParser.parseDicom(bytes)
      expect(parsed.string('x00020010')).to.equal(transferSyntaxes[encoding.transferSyntax])
      expect(parsed.string('x00020016')).to.equal('SENDER')
      expect(parsed.string('x00080018')).to.equal('1.2.3')
      expect(parsed.intString('x00200013')).to.equal(7)
      expect(parsed.uint16('x00280010')).to.equal(64)
      const name = parsed.elements['x00100010']!
      expect(bytes.toString('utf8', name.dataOffset, name.dataOffset + name.length)).to.equal('Müller^A ')
      const items = parsed.elements['x00081110']!.items!
      expect(items).to.have.length(2)
      expect(items[0]!.dataSet!.string('x00081155')).to.equal('1.2.3.4')
      expect(items[1]!.dataSet!.elements['x00081111']!.items![0]!.dataSet!.string('x00081155')).to.equal('1.2.3.5')
      expect(parsed.elements['x00420011']!.length).to.equal(4)
    })

  it('writes elements in tag order whatever the order given', () => {
    const encoding: Encoding = { transferSyntax: 'explicit', sequences: 'defined' }
    const mixed = encodeFile(head, [...dataSet].reverse(), encoding)
    expect(mixed.equals(encodeFile(head, dataSet, encoding))).to.equal(true)
  })

  it('writes the fragments of compressed frames with an offset table that points at them', () => {
    const frames = [[Buffer.from('abc'), Buffer.from('de')], [Buffer.from('fghi')]]
    const bytes = encodeFile(head, [element(0x7fe00010, 'OB', { frames })], encodings[4]!)
    const pixels = dicomParser.parseDicom(bytes).elements['x7fe00010']!
    expect(pixels.encapsulatedPixelData).to.equal(true)
    expect(pixels.basicOffsetTable).to.deep.equal([0, 22])
    expect(pixels.fragments!.map(({ length }) => length)).to.deep.equal([4, 2, 4])
  })

  it('writes RLE frames that decode to the pixels', () => {
    const pixels = phantom16(makeRandom(3), 'burnt')
    const frame = rleFrame(pixels)
    const [high, low] = [frame.subarray(frame.readUInt32LE(4)), frame.subarray(frame.readUInt32LE(8))]
    const [highs, lows] = [unpack(high, imageSize ** 2), unpack(low, imageSize ** 2)]
    expect(Buffer.from(pixels.map((_, i) => (i % 2 === 0 ? lows : highs)[i >> 1]!)).equals(pixels)).to.equal(true)
  })
})
