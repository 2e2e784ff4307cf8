import { expect } from 'chai'
import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { decodeProjectConfig } from '../../domain/project-codec.js'

const minimal = {
  project: { name: 'my-project', modalities: ['CT'] },
  tag_operation_files: { base: ['base.yaml'] },
  destination: { dicom: 'ftps', parquet: 'none' },
}

const full = {
  project: { name: 'my-project', modalities: ['DX', 'CR'], azure_kv_alias: 'alias' },
  tag_operation_files: { base: ['base.yaml', 'xray.yaml'], manufacturer_overrides: ['mri.yaml'] },
  image_operation_files: { deid_recipes: ['us-deid.recipe'] },
  allowed_manufacturers: [
    { regex: '^philips', exclude_series_numbers: [3, -4] },
    { regex: '(?i)ge\\s', exclude_series_numbers: null },
    { regex: '.*' },
  ],
  min_instances_per_series: 1,
  series_filters: ['Localizer', 'scout '],
  allow_secondary_capture: true,
  destination: { dicom: ['ftps', 'my-s3'], parquet: 'tre' },
}

const problemsOf = (value: unknown): ReadonlyArray<string> => {
  const decoded = decodeProjectConfig(value)
  return E.isLeft(decoded) ? decoded.left.problems : []
}

/** A minimal file with one place set to another value, undefined = left out. */
const changed = (path: ReadonlyArray<string>, value: unknown): unknown => {
  const copy = structuredClone(minimal) as Record<string, unknown>
  const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => (at[key] ??= {}) as never, copy)
  const last = path[path.length - 1]!
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

describe('project configuration', () => {
  it('has defaults for all that may be left out', () =>
    expect(decodeProjectConfig(minimal)).to.deep.equal(
      E.right({
        project: { name: 'my-project', modalities: ['CT'], azureKvAlias: null },
        tagOperationFiles: { base: ['base.yaml'], manufacturerOverrides: [] },
        imageOperationFiles: { deidRecipes: [] },
        allowedManufacturers: [],
        minInstancesPerSeries: 2,
        seriesFilters: [],
        allowSecondaryCapture: false,
        destination: { dicom: ['ftps'], parquet: null },
      }),
    ))

  it('gives every value it holds, filters in lower case and patterns translated', () => {
    const decoded = decodeProjectConfig(full)
    if (E.isLeft(decoded)) throw new Error(decoded.left.problems.join())
    const { allowedManufacturers, ...rest } = decoded.right
    expect(rest).to.deep.equal({
      project: { name: 'my-project', modalities: ['DX', 'CR'], azureKvAlias: 'alias' },
      tagOperationFiles: { base: ['base.yaml', 'xray.yaml'], manufacturerOverrides: ['mri.yaml'] },
      imageOperationFiles: { deidRecipes: ['us-deid.recipe'] },
      minInstancesPerSeries: 1,
      seriesFilters: ['localizer', 'scout '],
      allowSecondaryCapture: true,
      destination: { dicom: ['ftps', 'my-s3'], parquet: 'tre' },
    })
    expect(allowedManufacturers[0]).to.deep.equal({ regex: '^philips', excludeSeriesNumbers: [3, -4] })
    expect(allowedManufacturers[1]!.excludeSeriesNumbers).to.deep.equal([])
    expect('GE MEDICAL').to.match(new RegExp(allowedManufacturers[1]!.regex, 'iu'))
  })

  it('takes an optional key that is left empty as left out', () => {
    for (const key of ['image_operation_files', 'allowed_manufacturers', 'series_filters', 'min_instances_per_series'])
      expect(decodeProjectConfig(changed([key], null))).to.deep.equal(decodeProjectConfig(minimal))
    expect(decodeProjectConfig(changed(['tag_operation_files', 'manufacturer_overrides'], null))).to.deep.equal(
      decodeProjectConfig(minimal),
    )
  })

  it('reads destination none as no destination, alone or as the only entry', () => {
    for (const none of ['none', ['none']]) {
      const decoded = decodeProjectConfig(changed(['destination', 'dicom'], none))
      expect(E.isRight(decoded) && decoded.right.destination.dicom).to.deep.equal([])
    }
  })

  const wrong: ReadonlyArray<readonly [what: string, path: ReadonlyArray<string>, value: unknown, problem: string]> = [
    [
      'an unknown key at the top',
      ['projects'],
      1,
      'projects: expected no such key; known here: project, tag_operation_files, image_operation_files, allowed_manufacturers, min_instances_per_series, series_filters, allow_secondary_capture, destination',
    ],
    [
      'an unknown key inside',
      ['project', 'nmae'],
      'x',
      'project.nmae: expected no such key; known here: name, modalities, azure_kv_alias',
    ],
    [
      'a missing project name',
      ['project', 'name'],
      undefined,
      'project.name: expected a project slug (lower-case letters, digits and single hyphens, at most 100 characters)',
    ],
    [
      'a name that is no slug',
      ['project', 'name'],
      '../My Project',
      'project.name: expected a project slug (lower-case letters, digits and single hyphens, at most 100 characters)',
    ],
    [
      'an overlong name',
      ['project', 'name'],
      'a'.repeat(101),
      'project.name: expected a project slug (lower-case letters, digits and single hyphens, at most 100 characters)',
    ],
    ['no modality', ['project', 'modalities'], [], 'project.modalities: expected a list of at least one modality'],
    [
      'a modality as text',
      ['project', 'modalities'],
      'CT',
      'project.modalities: expected a list of at least one modality',
    ],
    [
      'a modality that no file can have',
      ['project', 'modalities'],
      ['CT', 'mr'],
      'project.modalities[1]: expected a modality (1 to 16 capital letters, digits or underscores, such as CT)',
    ],
    [
      'a modality twice',
      ['project', 'modalities'],
      ['CT', 'CT'],
      'project.modalities[1]: expected each entry once, and this one stands before',
    ],
    [
      'an alias no secret can begin with',
      ['project', 'azure_kv_alias'],
      'my_alias',
      'project.azure_kv_alias: expected a prefix of secret names (letters, digits and hyphens)',
    ],
    [
      'no base file',
      ['tag_operation_files', 'base'],
      [],
      'tag_operation_files.base: expected a list of at least one file name',
    ],
    [
      'tag files as a list',
      ['tag_operation_files'],
      ['base.yaml'],
      'tag_operation_files: expected a mapping with base',
    ],
    [
      'a base file twice',
      ['tag_operation_files', 'base'],
      ['a.yaml', 'a.yaml'],
      'tag_operation_files.base[1]: expected each entry once, and this one stands before',
    ],
    [
      'a file outside the folder',
      ['tag_operation_files', 'base'],
      ['../a.yaml'],
      'tag_operation_files.base[0]: expected a file name without a folder',
    ],
    [
      'a file in an absolute folder',
      ['image_operation_files', 'deid_recipes'],
      ['/etc/passwd'],
      'image_operation_files.deid_recipes[0]: expected a file name without a folder',
    ],
    [
      'a folder of Windows',
      ['tag_operation_files', 'manufacturer_overrides'],
      ['a\\b'],
      'tag_operation_files.manufacturer_overrides[0]: expected a file name without a folder',
    ],
    [
      'the parent folder',
      ['tag_operation_files', 'base'],
      ['..'],
      'tag_operation_files.base[0]: expected a file name without a folder',
    ],
    [
      'a pattern JavaScript would read differently',
      ['allowed_manufacturers'],
      [{ regex: 'ge\\Z' }],
      'allowed_manufacturers[0].regex: expected a regular expression without \\A, \\B, \\Z, back references and other escapes that Python alone knows',
    ],
    [
      'a series number that is no integer',
      ['allowed_manufacturers'],
      [{ regex: 'a', exclude_series_numbers: [1.5] }],
      'allowed_manufacturers[0].exclude_series_numbers[0]: expected an integer',
    ],
    [
      'a manufacturer twice',
      ['allowed_manufacturers'],
      [{ regex: 'a' }, { regex: '(?i)a' }],
      'allowed_manufacturers[1]: expected each entry once, and this one stands before',
    ],
    [
      'no instance per series',
      ['min_instances_per_series'],
      0,
      'min_instances_per_series: expected an integer of at least 1',
    ],
    [
      'a part of an instance',
      ['min_instances_per_series'],
      1.5,
      'min_instances_per_series: expected an integer of at least 1',
    ],
    [
      'a number as text',
      ['min_instances_per_series'],
      '2',
      'min_instances_per_series: expected an integer of at least 1',
    ],
    [
      'an empty filter, which would leave out every series',
      ['series_filters'],
      [' '],
      'series_filters[0]: expected a text of 1 to 256 characters',
    ],
    [
      'a filter twice but for case',
      ['series_filters'],
      ['Scout', 'SCOUT'],
      'series_filters[1]: expected each entry once, and this one stands before',
    ],
    ['yes for true', ['allow_secondary_capture'], 'yes', 'allow_secondary_capture: expected true or false'],
    ['no destination', ['destination'], undefined, 'destination: expected a mapping with dicom and parquet'],
    [
      'no image destination',
      ['destination', 'dicom'],
      undefined,
      'destination.dicom: expected a destination name, a list of them, or none',
    ],
    [
      'an empty list of destinations',
      ['destination', 'dicom'],
      [],
      'destination.dicom: expected a destination name, a list of them, or none',
    ],
    [
      'none beside another',
      ['destination', 'dicom'],
      ['none', 'ftps'],
      'destination.dicom: expected none to stand alone',
    ],
    [
      'a destination twice',
      ['destination', 'dicom'],
      ['ftps', 'ftps'],
      'destination.dicom[1]: expected each entry once, and this one stands before',
    ],
    [
      'a destination that is no name',
      ['destination', 'dicom'],
      ['FTPS'],
      'destination.dicom[0]: expected a destination name (lower-case letters, digits and hyphens, such as ftps)',
    ],
    [
      'tables for a destination of images',
      ['destination', 'parquet'],
      'xnat',
      'destination.parquet: expected ftps, tre, folder or none, since dicomweb and xnat take images only',
    ],
    [
      'several destinations for tables',
      ['destination', 'parquet'],
      ['ftps'],
      'destination.parquet: expected ftps, tre, folder or none',
    ],
    [
      'no table destination',
      ['destination', 'parquet'],
      undefined,
      'destination.parquet: expected ftps, tre, folder or none',
    ],
  ]
  for (const [what, path, value, problem] of wrong) {
    it(`refuses ${what}`, () => expect(problemsOf(changed(path, value))).to.deep.equal([problem]))
  }

  it('refuses what is no mapping', () => {
    for (const value of [null, undefined, [], 'text', 1])
      expect(problemsOf(value)[0]).to.equal(
        'value: expected a mapping with project, tag_operation_files and destination',
      )
  })

  it('names all problems at once', () =>
    expect(problemsOf({ project: {}, destination: { dicom: 1 }, more: 1 })).to.have.length(6))

  it('does not take a key from the prototype of the object', () =>
    expect(problemsOf(Object.create(minimal))).to.have.length(3))

  it('names an unknown key only when it could be a misspelt one', () => {
    for (const key of ['Smith^John', 'RZ4711815', 'a'.repeat(41)])
      expect(problemsOf({ [key]: 1 }).join())
        .to.match(/\(another key\): expected no such key/)
        .and.not.include(key)
  })

  it('takes the name __proto__ for an unknown key', () =>
    expect(problemsOf({ ...minimal, ['__proto__']: {} })[0]).to.match(/^__proto__: expected no such key/))

  it('never shows a value, whatever stands where', () =>
    fc.assert(
      fc.property(fc.constantFrom(...wrong.map(([, path]) => path)), fc.jsonValue(), (path, value) => {
        const marker = 'Planted Marker'
        for (const planted of [marker, [marker], { [path[0]!]: marker }, [value, marker]])
          expect(problemsOf(changed(path, planted)).join()).to.not.include(marker)
      }),
    ))
})
