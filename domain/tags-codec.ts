import * as E from 'fp-ts/lib/Either.js'
import { flow, pipe } from 'fp-ts/lib/function.js'
import * as t from 'io-ts'
import type { DecodeError } from './decode.js'
import { describeValidation } from './decode.js'
import { translatePattern } from './python-pattern.js'
import type { StrictDecoder } from './strict.js'
import { guarded, listOf, strictDecoder, strictRecord, textOf, withDefault } from './strict.js'
import type { ManufacturerOverride, TagAction, TagOperation } from './tags.js'
import { tagOf } from './tags.js'

const actions: ReadonlyArray<TagAction> = ['keep', 'delete', 'replace', 'replace_UID', 'secure-hash']

/** A regular expression as people write it for Python, decoded to the JavaScript source that finds the same. */
export const patternDecoder: StrictDecoder<string> = strictDecoder('a regular expression', (u, context) =>
  typeof u !== 'string'
    ? t.failure(u, context)
    : pipe(
        translatePattern(u),
        E.mapLeft((expected) => [{ value: u, context, message: `expected ${expected}` }]),
      ),
)

/** Half of a tag: a number, or hexadecimal digits after 0x. Other text is refused: `1030` alone would be ambiguous. */
const tagNumber: StrictDecoder<number> = strictDecoder(
  'an integer from 0x0000 to 0xFFFF (hexadecimal as 0x0010)',
  (u, context) => {
    const value = typeof u === 'string' && /^0x[0-9a-f]{1,4}$/i.test(u) ? Number(u) : u
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff
      ? t.success(value)
      : t.failure(u, context)
  },
)

const isAction = (u: unknown): u is TagAction => actions.includes(u as TagAction)

const operation = strictRecord('a mapping with group, element and op', {
  name: withDefault<string | null>(
    textOf('a text', () => true),
    null,
  ),
  group: tagNumber,
  element: tagNumber,
  op: guarded(actions.join(', ').replace(/, ([^,]*)$/, ' or $1'), isAction),
})

const operations: StrictDecoder<ReadonlyArray<TagOperation>> = (() => {
  const list = listOf('a list of tag operations', operation)
  return strictDecoder(list.name, (u, context) =>
    pipe(
      list.validate(u, context),
      E.map((entries) =>
        entries.map(({ name, group, element, op }) => ({ name, tag: tagOf(group, element), action: op })),
      ),
    ),
  )
})()

const overrides = listOf(
  'a list of manufacturer overrides',
  strictRecord('a mapping with manufacturer and tags', { manufacturer: patternDecoder, tags: operations }),
)

/** The operations of a base tag file, or where in it something else was expected (for adapters that know lines). */
export const validateTagOperations = (value: unknown): t.Validation<ReadonlyArray<TagOperation>> =>
  operations.decode(value)

/** The overrides of a manufacturer tag file, or where in it something else was expected. */
export const validateManufacturerOverrides = (value: unknown): t.Validation<ReadonlyArray<ManufacturerOverride>> =>
  pipe(
    overrides.decode(value),
    E.map((entries) => entries.map(({ manufacturer, tags }) => ({ manufacturer, operations: tags }))),
  )

/** Decodes the parsed content of a file of `tag-operations/`. A tag may stand twice: the later operation wins. */
export const decodeTagOperations: (value: unknown) => E.Either<DecodeError, ReadonlyArray<TagOperation>> = flow(
  validateTagOperations,
  E.mapLeft(describeValidation),
)

/** Decodes the parsed content of a file of `tag-operations/manufacturer-overrides/`. */
export const decodeManufacturerOverrides: (
  value: unknown,
) => E.Either<DecodeError, ReadonlyArray<ManufacturerOverride>> = flow(
  validateManufacturerOverrides,
  E.mapLeft(describeValidation),
)
