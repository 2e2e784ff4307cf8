import * as E from 'fp-ts/lib/Either.js'
import { flow } from 'fp-ts/lib/function.js'
import * as t from 'io-ts'
import type { DecodeError } from './decode.js'
import { describeValidation } from './decode.js'
import type { DestinationName } from './identifiers.js'
import { DestinationName as DestinationCodec, known, ProjectSlug } from './identifiers.js'
import type { ProjectConfig } from './project.js'
import type { StrictDecoder } from './strict.js'
import { guarded, integerFrom, listOf, strictDecoder, strictRecord, textOf, withDefault } from './strict.js'
import { patternDecoder } from './tags-codec.js'

const itself = <A>(value: A): A => value

/** Long enough for any name, short enough for file names and for secrets that begin with it. */
const longestName = 100

const slug = guarded(
  `a project slug (lower-case letters, digits and single hyphens, at most ${longestName} characters)`,
  (u): u is ProjectSlug => ProjectSlug.is(u) && u.length <= longestName,
)

const modality = textOf('a modality (1 to 16 capital letters, digits or underscores, such as CT)', (text) =>
  /^[A-Z0-9_]{1,16}$/.test(text),
)

const secretPrefix = textOf('a prefix of secret names (letters, digits and hyphens)', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(text),
)

const fileName = textOf('a file name without a folder', (text) => /^(?!\.{1,2}$)[^/\\\p{C}]{1,255}$/u.test(text))

const fileNames = listOf('a list of file names', fileName, { identity: itself })

const destinationName = guarded<DestinationName>(
  'a destination name (lower-case letters, digits and hyphens, such as ftps)',
  DestinationCodec.is,
)

const destinationNames = listOf(
  'a list of at least one destination name (none alone for no delivery)',
  destinationName,
  {
    atLeast: 1,
    identity: itself,
  },
)

/** One name or several; `none` stands for no delivery, and only alone. */
const imageDestinations: StrictDecoder<ReadonlyArray<DestinationName>> = strictDecoder(
  'a destination name, a list of them, or none',
  (u, context) => {
    if (typeof u !== 'string' && !Array.isArray(u)) return t.failure(u, context)
    const names =
      typeof u === 'string'
        ? E.map((name: DestinationName) => [name])(destinationName.validate(u, context))
        : destinationNames.validate(u, context)
    if (E.isLeft(names)) return names
    const wanted = names.right.filter((name) => (name as string) !== 'none')
    return wanted.length > 0 && wanted.length < names.right.length
      ? t.failure(u, context, 'expected none to stand alone')
      : t.success(wanted)
  },
)

const extractDestinations = ['ftps', 'tre', 'folder']

const extractDestination: StrictDecoder<DestinationName | null> = strictDecoder(
  'ftps, tre, folder or none',
  (u, context) => {
    if (u === 'none') return t.success(null)
    if (u === 'dicomweb' || u === 'xnat')
      return t.failure(u, context, 'expected ftps, tre, folder or none, since dicomweb and xnat take images only')
    return extractDestinations.includes(u as string)
      ? t.success(known(DestinationCodec, u as string))
      : t.failure(u, context)
  },
)

const manufacturer = strictRecord('a mapping with regex', {
  regex: patternDecoder,
  exclude_series_numbers: withDefault(
    listOf('a list of series numbers', integerFrom('an integer', Number.MIN_SAFE_INTEGER), { identity: itself }),
    [],
  ),
})

const filter = textOf('a text of 1 to 256 characters', (text) => text.trim() !== '' && text.length <= 256)

const projectFile = strictRecord('a mapping with project, tag_operation_files and destination', {
  project: strictRecord('a mapping with name and modalities', {
    name: slug,
    modalities: listOf('a list of at least one modality', modality, { atLeast: 1, identity: itself }),
    azure_kv_alias: withDefault<string | null>(secretPrefix, null),
  }),
  tag_operation_files: strictRecord('a mapping with base', {
    base: listOf('a list of at least one file name', fileName, { atLeast: 1, identity: itself }),
    manufacturer_overrides: withDefault(fileNames, []),
  }),
  image_operation_files: withDefault(
    strictRecord('a mapping with deid_recipes', { deid_recipes: withDefault(fileNames, []) }),
    { deid_recipes: [] },
  ),
  allowed_manufacturers: withDefault(
    listOf('a list of manufacturers', manufacturer, { identity: ({ regex }) => regex }),
    [],
  ),
  min_instances_per_series: withDefault(integerFrom('an integer of at least 1', 1), 2),
  series_filters: withDefault(listOf('a list of texts', filter, { identity: (text) => text.toLowerCase() }), []),
  allow_secondary_capture: withDefault(
    guarded('true or false', (u): u is boolean => typeof u === 'boolean'),
    false,
  ),
  destination: strictRecord('a mapping with dicom and parquet', {
    dicom: imageDestinations,
    parquet: extractDestination,
  }),
})

/** The project a parsed file describes, or where in it something else was expected (for adapters that know lines). */
export const validateProjectConfig: (value: unknown) => t.Validation<ProjectConfig> = flow(
  (value: unknown) => projectFile.decode(value),
  E.map((file) => ({
    project: {
      name: file.project.name,
      modalities: file.project.modalities,
      azureKvAlias: file.project.azure_kv_alias,
    },
    tagOperationFiles: {
      base: file.tag_operation_files.base,
      manufacturerOverrides: file.tag_operation_files.manufacturer_overrides,
    },
    imageOperationFiles: { deidRecipes: file.image_operation_files.deid_recipes },
    allowedManufacturers: file.allowed_manufacturers.map(({ regex, exclude_series_numbers }) => ({
      regex,
      excludeSeriesNumbers: exclude_series_numbers,
    })),
    minInstancesPerSeries: file.min_instances_per_series,
    seriesFilters: file.series_filters.map((text) => text.toLowerCase()),
    allowSecondaryCapture: file.allow_secondary_capture,
    destination: file.destination,
  })),
)

/**
 * Decodes the parsed content of a project's file, strictly: unknown keys, entries that stand twice and regular
 * expressions JavaScript would read differently are errors. Any destination name is accepted; who knows the registered
 * uploaders judges it.
 */
export const decodeProjectConfig: (value: unknown) => E.Either<DecodeError, ProjectConfig> = flow(
  validateProjectConfig,
  E.mapLeft(describeValidation),
)
