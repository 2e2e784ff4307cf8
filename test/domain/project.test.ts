import { expect } from 'chai'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import type { InstanceFacts, ProjectConfig } from '../../domain/project.js'
import { whyLeftOut } from '../../domain/project.js'
import type { LeftOutReason } from '../../domain/reasons.js'

const config: ProjectConfig = {
  project: { name: known(ProjectSlug, 'my-project'), modalities: ['CT', 'US', 'SR', 'OT'], azureKvAlias: null },
  tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
  imageOperationFiles: { deidRecipes: [] },
  allowedManufacturers: [
    { regex: '^philips', excludeSeriesNumbers: [3, 4] },
    { regex: 'medical', excludeSeriesNumbers: [5] },
  ],
  minInstancesPerSeries: 2,
  seriesFilters: ['scout', 'localizer'],
  allowSecondaryCapture: false,
  destination: { dicom: [], parquet: null },
}

const instance: InstanceFacts = {
  modality: 'CT',
  manufacturer: 'Philips Medical',
  seriesNumber: 1,
  seriesDescription: 'Head',
  sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
  burnedInAnnotation: 'NO',
  imageType: ['ORIGINAL', 'PRIMARY'],
  conversionType: '',
}

const secondaryCapture = '1.2.840.10008.5.1.4.1.1.7'
const recipe = { ...config, imageOperationFiles: { deidRecipes: ['us.recipe'] } }

describe('what must stay', () => {
  it('is nothing of an instance that every rule admits', () => expect(whyLeftOut(config, instance)).to.equal(null))

  const cases: ReadonlyArray<readonly [what: string, facts: Partial<InstanceFacts>, reason: LeftOutReason | null]> = [
    ['a modality the project does not name', { modality: 'MR' }, 'ModalityNotRetained'],
    ['a missing modality', { modality: '' }, 'ModalityNotRetained'],
    ['a structured report by its modality', { modality: 'SR' }, 'DocumentObject'],
    ['a structured report by its class', { sopClassUid: '1.2.840.10008.5.1.4.1.1.88.11' }, 'DocumentObject'],
    ['an encapsulated document', { sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1' }, 'DocumentObject'],
    ['a manufacturer no pattern matches', { manufacturer: 'Siemens' }, 'ManufacturerNotAllowed'],
    ['a missing manufacturer', { manufacturer: '' }, 'ManufacturerNotAllowed'],
    ['a missing series number', { seriesNumber: null }, 'ManufacturerNotAllowed'],
    ['an excluded series number of the first match', { seriesNumber: 3 }, 'ManufacturerNotAllowed'],
    ['a filtered description whatever its case', { seriesDescription: 'CT SCOUT view' }, 'SeriesFiltered'],
    ['ultrasound by its modality', { modality: 'US' }, 'UltrasoundWithoutRecipe'],
    ['ultrasound by its class', { sopClassUid: '1.2.840.10008.5.1.4.1.1.6.1' }, 'UltrasoundWithoutRecipe'],
    ['pixels with burned in text', { burnedInAnnotation: 'yes' }, 'BurnedInPixels'],
    ['a secondary capture', { sopClassUid: secondaryCapture }, 'SecondaryCapture'],
    ['a multi-frame secondary capture', { sopClassUid: `${secondaryCapture}.4` }, 'SecondaryCapture'],
    ['an instance that was converted', { conversionType: 'DF' }, 'SecondaryCapture'],
  ]
  for (const [what, facts, reason] of cases) {
    it(`is ${what}`, () => expect(whyLeftOut(config, { ...instance, ...facts })).to.equal(reason))
  }

  it('is everything of a project that names a pixel recipe', () =>
    expect(whyLeftOut(recipe, instance)).to.equal('PixelRecipeUnsupported'))

  it('is everything of a project that allows no manufacturer', () =>
    expect(whyLeftOut({ ...config, allowedManufacturers: [] }, instance)).to.equal('ManufacturerNotAllowed'))

  it('is not a series number that only a later match excludes', () =>
    expect(whyLeftOut(config, { ...instance, seriesNumber: 5 })).to.equal(null))

  it('is a series number excluded by the match that is first for this manufacturer', () =>
    expect(whyLeftOut(config, { ...instance, manufacturer: 'GE MEDICAL', seriesNumber: 5 })).to.equal(
      'ManufacturerNotAllowed',
    ))

  it('is not a series without description, whatever the filters', () =>
    expect(whyLeftOut(config, { ...instance, seriesDescription: '' })).to.equal(null))

  it('is not a secondary capture the project admits', () =>
    expect(
      whyLeftOut({ ...config, allowSecondaryCapture: true }, { ...instance, sopClassUid: secondaryCapture }),
    ).to.equal(null))

  it('is burned in text even where secondary captures are admitted', () =>
    expect(
      whyLeftOut(
        { ...config, allowSecondaryCapture: true },
        { ...instance, sopClassUid: secondaryCapture, burnedInAnnotation: 'YES' },
      ),
    ).to.equal('BurnedInPixels'))

  it('has the first reason that applies, in the order of the rules', () => {
    const everyFault: InstanceFacts = {
      modality: 'XX',
      manufacturer: 'Siemens',
      seriesNumber: null,
      seriesDescription: 'scout',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.88.11',
      burnedInAnnotation: 'YES',
      imageType: [],
      conversionType: 'DF',
    }
    const repairs: ReadonlyArray<Partial<InstanceFacts>> = [
      { modality: 'US' },
      { sopClassUid: secondaryCapture },
      { manufacturer: 'Philips', seriesNumber: 1 },
      { seriesDescription: 'Head' },
      { modality: 'CT' },
      { burnedInAnnotation: '' },
      { sopClassUid: instance.sopClassUid, conversionType: '' },
    ]
    const reasons = repairs.map((_, i) => whyLeftOut(config, Object.assign({}, everyFault, ...repairs.slice(0, i))))
    expect([...reasons, whyLeftOut(config, Object.assign({}, everyFault, ...repairs))]).to.deep.equal([
      'ModalityNotRetained',
      'DocumentObject',
      'ManufacturerNotAllowed',
      'SeriesFiltered',
      'UltrasoundWithoutRecipe',
      'BurnedInPixels',
      'SecondaryCapture',
      null,
    ])
  })
})
