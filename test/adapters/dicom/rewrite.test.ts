import { expect } from 'chai'
import dicomParser from 'dicom-parser'
import { join } from 'node:path'
import { makeDicomDeidentifier } from '../../../adapters/dicom/deidentifier.js'
import type { Pseudonyms } from '../../../domain/pseudonyms.js'
import type { TagAction } from '../../../domain/tags.js'
import { fail, succeed } from '../../contract/synthetic.js'
import type { DataSet, FileOptions } from '../../support/dicom.js'
import { dicomFile, el, encapsulated, encodeElement, sq, syntaxes } from '../../support/dicom.js'
import {
  ctInstance,
  ctStorage,
  filesBelow,
  flatten,
  makeDirectory,
  originalStudyUid,
  projectOf,
  pseudonymsOf,
  removeDirectory,
  writeStudy,
} from '../../support/dicom-study.js'

type Actions = Readonly<Record<number, TagAction>>

const uid = (text: string): string => Buffer.from(text.length % 2 ? `${text}\0` : text).toString('hex')
const text = (value: string): string => Buffer.from(value.length % 2 ? `${value} ` : value, 'latin1').toString('hex')
const pixels = '(7FE0,0010)=01020301'

describe('dicom Deidentifier, rewriting', () => {
  let directory = ''
  const pseudonyms = pseudonymsOf()
  beforeEach(async () => {
    directory = await makeDirectory()
  })
  afterEach(() => removeDirectory(directory))

  /** What every instance leaves with. */
  const planned = (names: Pseudonyms = pseudonyms): ReadonlyArray<string> => [
    `(0008,0016)=${uid(ctStorage)}`,
    `(0008,0018)=${uid(names.pseudoUid(`${originalStudyUid}.1.1`))}`,
    `(0010,0020)=${text(names.pseudoPatientId)}`,
    `(0012,0062)=${text('YES')}`,
    `(0012,0063)=${text('PIXL core: allow-list of tag operations')}`,
    `(0020,000D)=${uid(names.pseudoStudyUid)}`,
    `(0020,000E)=${uid(names.pseudoUid(`${originalStudyUid}.1`))}`,
  ]
  const task = async (dataSet: DataSet, actions: Actions, options: FileOptions = {}, names = pseudonyms) => {
    const raw = await writeStudy(directory, [dicomFile(dataSet, options)])
    return makeDicomDeidentifier(join(directory, 'spool')).deidentify(raw, names, projectOf(actions), [], 1)
  }
  const rewrite = async (dataSet: DataSet, actions: Actions, options: FileOptions = {}, names = pseudonyms) => {
    await succeed(await task(dataSet, actions, options, names))
    const files = await filesBelow(join(directory, 'spool'))
    return files.find(({ name }) => name.endsWith('.dcm'))!.bytes
  }
  /** Elements of the rewritten instance beside the planned ones, as dicom-parser reads them. */
  const rest = async (dataSet: DataSet, actions: Actions, options: FileOptions = {}) => {
    const bytes = await rewrite(dataSet, actions, options)
    const always = planned()
    const all = flatten(dicomParser.parseDicom(bytes) as never)
    expect(all).to.include.members([...always])
    return all.filter((line) => !always.includes(line))
  }
  const problem = async (dataSet: DataSet, actions: Actions): Promise<string> => {
    const error = await fail(await task(dataSet, actions))
    expect(await filesBelow(join(directory, 'spool'))).to.deep.equal([])
    return error._tag === 'UnreadableStudy' ? error.problem : error._tag
  }

  it('leaves nothing but what every instance has when the scheme lists nothing', async () => {
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      expect(await rest(ctInstance(), {}, { transferSyntax })).to.deep.equal([])
  })

  it('keeps elements byte for byte, with odd lengths made even', async () => {
    const more = [el(0x00081030, 'LO', Buffer.from('ODD')), el(0x00091001, 'UN', Buffer.from([1, 2, 3]))]
    const keep = { 0x00081030: 'keep', 0x00091001: 'keep', 0x7fe00010: 'keep' } as const
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      expect(await rest(ctInstance({}, more), keep, { transferSyntax })).to.deep.equal([
        `(0008,0005)=${text('ISO_IR 100')}`,
        '(0008,1030)=4f444420',
        '(0009,1001)=01020300',
        pixels,
      ])
  })

  it('copies native and encapsulated pixels byte for byte, also large ones and elements after them', async () => {
    const large = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251))
    const native = await rewrite(ctInstance({}, [el(0x7fe00010, 'OW', large), el(0xfffcfffc, 'OB', large)]), {
      0x7fe00010: 'keep',
    })
    expect(native.subarray(-large.length).equals(large)).to.equal(true)
    const pixelData = encapsulated([large, Buffer.alloc(0), Buffer.from('ab')])
    const options = { transferSyntax: syntaxes.jpeg }
    const jpeg = await rewrite(ctInstance({}, [pixelData]), { 0x7fe00010: 'keep' }, options)
    const original = encodeElement(pixelData, false)
    expect(jpeg.subarray(-original.length).equals(original)).to.equal(true)
    expect(await rest(ctInstance({}, [pixelData]), {}, options)).to.deep.equal([])
  })

  it('subjects items of kept sequences to the scheme at every depth', async () => {
    const leaf = [el(0x00100010, 'PN', 'ZZLEAK'), el(0x00081030, 'LO', 'inner'), el(0x00091001, 'LO', 'ZZLEAK')]
    const keep = { 0x00081140: 'keep', 0x00081030: 'keep' } as const
    const expected = [
      `(0008,0005)=${text('ISO_IR 100')}`,
      '(0008,1140)',
      '(0008,1140)[0](0008,1140)',
      `(0008,1140)[0](0008,1140)[0](0008,1030)=${text('inner')}`,
      `(0008,1140)[1](0008,1030)=${text('inner')}`,
    ]
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      for (const delimited of [false, true]) {
        const tree = sq(0x00081140, [[sq(0x00081140, [leaf], delimited), sq(0x00081111, [leaf])], leaf, []], delimited)
        expect(await rest(ctInstance({}, [tree]), keep, { transferSyntax })).to.deep.equal(expected)
      }
  })

  it('looks into sequences that came as UN, and into private ones', async () => {
    const items = [[el(0x00100010, 'PN', 'ZZLEAK'), el(0x00081030, 'LO', 'inner')]]
    const keep = { 0x00081140: 'keep', 0x00091010: 'keep', 0x00081030: 'keep' } as const
    for (const delimited of [false, true])
      for (const vr of ['SQ', 'UN'] as const)
        for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit]) {
          const bytes = await rewrite(
            ctInstance({}, [sq(0x00081140, items, delimited, vr), sq(0x00091010, items, delimited, vr)]),
            keep,
            { transferSyntax },
          )
          expect(bytes.includes('ZZLEAK')).to.equal(false)
          expect(bytes.toString('latin1').split('inner').length).to.equal(3)
        }
  })

  it('refuses a sequence dressed up as bytes', async () => {
    const element = el(0x00081140, 'OB', Buffer.from('feff00e000000000', 'hex'))
    expect(await problem(ctInstance({}, [element]), { 0x00081140: 'keep' })).to.match(/\(0008,1140\) is a sequence/)
  })

  it('replaces by value representation, and everything listed inside a replaced sequence', async () => {
    const elements: DataSet = [
      el(0x00080021, 'DA', '20220101'),
      el(0x0008002a, 'DT', '20220101'),
      el(0x00080031, 'TM', '1200'),
      el(0x00081030, 'LO', 'text'),
      sq(0x00081110, []),
      sq(0x00081140, [[el(0x00080023, 'DA', '20220101'), el(0x00081030, 'LO', 'text'), el(0x00100010, 'PN', 'x')]]),
      el(0x00101010, 'AS', '044Y'),
      el(0x00101030, 'DS', '71.5'),
      el(0x00200012, 'IS', '7'),
      el(0x00280002, 'US', [3]),
      el(0x00189073, 'FD', [1.5]),
      el(0x00091001, 'UN', Buffer.from('ABCD')),
    ]
    const actions = {
      ...Object.fromEntries(elements.map(({ tag }) => [tag, 'replace' as const])),
      0x00080023: 'keep',
    } as const
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      expect(await rest(ctInstance({}, elements), actions, { transferSyntax })).to.deep.equal([
        `(0008,0021)=${text('00010101')}`,
        `(0008,002A)=${text('00010101010101.000000+0000')}`,
        `(0008,0031)=${text('000000.00')}`,
        `(0008,1030)=${text('ANONYMIZED')}`,
        // dicom-parser has no dictionary: an empty sequence in implicit VR is an empty value to it.
        transferSyntax === syntaxes.implicit ? '(0008,1110)=' : '(0008,1110)',
        '(0008,1140)',
        `(0008,1140)[0](0008,0023)=${text('00010101')}`,
        `(0008,1140)[0](0008,1030)=${text('ANONYMIZED')}`,
        `(0010,1010)=${text('000Y')}`,
        `(0010,1030)=${text('0')}`,
        '(0018,9073)=0000000000000000',
        `(0020,0012)=${text('0')}`,
        '(0028,0002)=0000',
      ])
  })

  it('renames UIDs one by one and leaves registered ones', async () => {
    const more = [
      el(0x00081155, 'UI', `1.2.3\\${ctStorage}\\${originalStudyUid}`),
      el(0x00200052, 'UI', '1.2.3.9'),
      el(0x00081150, 'UI', ctStorage),
      el(0x00083010, 'UI', ''),
    ]
    const actions = {
      0x00081155: 'replace_UID',
      0x00200052: 'replace',
      0x00081150: 'replace_UID',
      0x00083010: 'replace_UID',
    } as const
    const renamed = [pseudonyms.pseudoUid('1.2.3'), ctStorage, pseudonyms.pseudoStudyUid].join('\\')
    for (const transferSyntax of [syntaxes.explicit, syntaxes.implicit])
      expect(await rest(ctInstance({}, more), actions, { transferSyntax })).to.deep.equal([
        `(0008,1150)=${uid(ctStorage)}`,
        `(0008,1155)=${uid(renamed)}`,
        '(0008,3010)=',
        `(0020,0052)=${uid(pseudonyms.pseudoUid('1.2.3.9'))}`,
      ])
  })

  it('hashes LO as the Python services do, decoded and without padding', async () => {
    const more = [el(0x00101001, 'LO', Buffer.from('Zo\xeb ', 'latin1')), el(0x00102160, 'SH', 'x')]
    const hash = pseudonyms.secureHash('Zoë')
    const rewritten = await rewrite(ctInstance({}, [more[0]!]), { 0x00101001: 'secure-hash' })
    expect(rewritten.includes(hash)).to.equal(true)
    expect(await problem(ctInstance({}, more), { 0x00102160: 'secure-hash' })).to.equal(
      'the scheme says secure-hash for (0010,2160), which is SH and not LO',
    )
  })

  it('refuses schemes that cannot be applied to an element, naming its tag and action', async () => {
    expect(await problem(ctInstance(), { 0x7fe00010: 'replace' })).to.match(/replace for \(7FE0,0010\), but OW/)
    expect(await problem(ctInstance(), { 0x00081030: 'replace_UID', 0x0008103e: 'replace_UID' })).to.match(
      /replace_UID for \(0008,103E\), which is LO/,
    )
    const tree = ctInstance({}, [sq(0x00081140, [[]])])
    expect(await problem(tree, { 0x00081140: 'secure-hash' })).to.match(/\(0008,1140\), which is a sequence/)
  })

  it('renames study, series, instance and patient in nested items even under keep', async () => {
    const item = [
      el(0x00080018, 'UI', '1.2.840.10008.9.1'),
      el(0x00081155, 'UI', `${originalStudyUid}.1.1`),
      el(0x00100020, 'LO', 'MRN-OTHER'),
      el(0x0020000d, 'UI', originalStudyUid),
      el(0x0020000e, 'UI', '1.2.99'),
    ]
    const keep = Object.fromEntries([...item.map(({ tag }) => tag), 0x00081140].map((tag) => [tag, 'keep' as const]))
    expect(await rest(ctInstance({}, [sq(0x00081140, [item])]), keep)).to.deep.equal([
      `(0008,0005)=${text('ISO_IR 100')}`,
      '(0008,1140)',
      `(0008,1140)[0](0008,0018)=${uid(pseudonyms.pseudoUid('1.2.840.10008.9.1'))}`,
      `(0008,1140)[0](0008,1155)=${uid(pseudonyms.pseudoUid(`${originalStudyUid}.1.1`))}`,
      `(0008,1140)[0](0010,0020)=${text('pseudo-patient-1')}`,
      `(0008,1140)[0](0020,000D)=${uid(pseudonyms.pseudoStudyUid)}`,
      `(0008,1140)[0](0020,000E)=${uid(pseudonyms.pseudoUid('1.2.99'))}`,
    ])
  })

  it('lets no identifier of the instance leave in kept text, unknown values or behind a UID', async () => {
    const more = [
      el(0x00081030, 'LO', 'CT of MRN-ZZLEAK-1'),
      el(0x00091001, 'UN', Buffer.from('..ACC-ZZLEAK-1..')),
      el(0x00091002, 'OB', Buffer.from(`${originalStudyUid}.1.1\0`)),
      el(0x00200052, 'UI', Buffer.from('1.2.3\0ZZLEAK')),
      el(0x00204000, 'LT', 'seen ZZLEAK^Jane'),
    ]
    const keep = Object.fromEntries(
      [...more.map(({ tag }) => tag), 0x00100010, 0x00080050].map((tag) => [tag, 'keep' as const]),
    )
    const bytes = await rewrite(ctInstance({}, more), keep)
    expect(bytes.includes('ZZLEAK')).to.equal(false)
    expect(bytes.includes(originalStudyUid)).to.equal(false)
  })

  it('lets no identifier leave in kept text that writes it in another case', async () => {
    const more = [
      el(0x00081030, 'LO', 'CT of mrn-zzleak-1'),
      el(0x00091001, 'UN', Buffer.from('..Acc-ZzLeak-1..')),
      el(0x00204000, 'LT', 'seen ZzLeak^JANE'),
    ]
    const keep = Object.fromEntries(more.map(({ tag }) => [tag, 'keep' as const]))
    expect((await rewrite(ctInstance({}, more), keep)).toString('latin1')).not.to.match(/zzleak/i)
  })

  it('refuses a study that would leave under its own PatientID or AccessionNumber', async () => {
    for (const [patientId, name] of [
      ['0047-ab', '47-AB'],
      ['MRN-ZZLEAK-1', 'acc-zzleak-1'],
    ] as const) {
      const error = await fail(await task(ctInstance({ patientId }), {}, {}, pseudonymsOf(originalStudyUid, name)))
      expect(error._tag).to.equal('UnreadableStudy')
      expect(await filesBelow(join(directory, 'spool'))).to.deep.equal([])
    }
  })

  it('lets no identifier leave in long text, nor text too long to be searched', async () => {
    for (const length of [100_000, 2_000_000]) {
      const long = Buffer.concat([Buffer.alloc(length, 'x'), Buffer.from('MRN-ZZLEAK-1')])
      const keep = { 0x0040a160: 'keep' } as const
      expect(await rest(ctInstance({}, [el(0x0040a160, 'UT', long)]), keep)).to.deep.equal([
        `(0008,0005)=${text('ISO_IR 100')}`,
        `(0040,A160)=${text('ANONYMIZED')}`,
      ])
    }
  })

  it('replaces a number or date that is an identifier, and keeps one that only contains its digits', async () => {
    const more = [
      el(0x00080023, 'DA', '19391224'),
      el(0x00200013, 'IS', '4711815'),
      el(0x00281052, 'DS', '0.4711815'),
      el(0x00281053, 'DS', '1\\4711815'),
    ]
    const keep = Object.fromEntries(more.map(({ tag }) => [tag, 'keep' as const]))
    expect(await rest(ctInstance({ patientId: '4711815' }, more), keep)).to.deep.equal([
      `(0008,0023)=${text('00010101')}`,
      `(0020,0013)=${text('0 ')}`,
      `(0028,1052)=${text('0.4711815 ')}`,
      `(0028,1053)=${text('0 ')}`,
    ])
  })

  it('drops preamble, application titles, private meta, group lengths, curves and padding', async () => {
    const leak = Buffer.from('ZZLEAK'.repeat(30))
    const more = [
      el(0x00080000, 'UL', [100]),
      el(0x50003000, 'OW', leak),
      el(0x60003000, 'OW', leak),
      el(0xfffcfffc, 'OB', leak),
    ]
    const bytes = await rewrite(
      ctInstance({}, more),
      { 0x7fe00010: 'keep', 0xfffcfffc: 'keep', 0x00080000: 'keep' },
      {
        preamble: leak.subarray(0, 128),
        meta: [
          el(0x00020016, 'AE', 'ZZLEAK'),
          el(0x00020017, 'AE', 'ZZLEAK'),
          el(0x00020100, 'UI', '1.2'),
          el(0x00020102, 'OB', leak),
        ],
        trailing: Buffer.alloc(10),
      },
    )
    expect(bytes.includes('ZZLEAK')).to.equal(false)
    expect(bytes.subarray(0, 132).equals(Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]))).to.equal(true)
    const { elements } = dicomParser.parseDicom(bytes)
    const meta = Object.keys(elements).filter((tag) => tag.startsWith('x0002'))
    expect(meta).to.have.members([
      'x00020000',
      'x00020001',
      'x00020002',
      'x00020003',
      'x00020010',
      'x00020012',
      'x00020013',
    ])
    expect(elements).to.not.have.any.keys('xfffcfffc', 'x00080000', 'x50003000')
  })

  it('keeps listed overlays and curves, and only those', async () => {
    const more = [el(0x50003000, 'OW', Buffer.from([1, 2])), el(0x60003000, 'OW', Buffer.from([3, 4]))]
    expect(await rest(ctInstance({}, more), { 0x60003000: 'keep' })).to.deep.equal(['(6000,3000)=0304'])
  })

  it('names a character set only where kept text needs it, and never copies another text in its place', async () => {
    const hidden = ctInstance({}, [el(0x00080005, 'CS', 'ZZLEAK JANE')])
    expect(await rest(ctInstance(), { 0x00080060: 'keep' })).to.deep.equal([`(0008,0060)=${text('CT')}`])
    expect(await rest(hidden, { 0x0008103e: 'keep' })).to.deep.equal([`(0008,103E)=${text('Thorax axial')}`])
  })

  it('writes a pseudonym beyond ASCII in the character set of the data set, or refuses', async () => {
    const names = pseudonymsOf(originalStudyUid, 'Ωmega-1')
    const utf8 = await rewrite(ctInstance(), {}, {}, names)
    expect(utf8.includes(Buffer.from('Ωmega-1'))).to.equal(true)
    expect(utf8.includes('ISO_IR 192')).to.equal(true)
    const error = await fail(await task(ctInstance(), { 0x0008103e: 'keep' }, {}, names))
    expect(error).to.have.property('problem', 'the pseudonym of the patient cannot be written in its character set')
  })

  it('puts the planned elements in tag order, once, whatever the order of the file', async () => {
    const bytes = await rewrite([...ctInstance()].reverse(), { 0x00080060: 'keep' })
    const all = flatten(dicomParser.parseDicom(bytes) as never)
    expect(all).to.have.members([...planned(), `(0008,0060)=${text('CT')}`])
  })
})
