import type * as t from 'io-ts'
import * as E from 'fp-ts/lib/Either.js'

/** Where a value has the wrong form and what was expected there. Never the value. */
export interface DecodeError {
  readonly _tag: 'DecodeError'
  /** `path: expected X`, sorted and without repetition. */
  readonly problems: ReadonlyArray<string>
}

export const decodeError = (...problems: ReadonlyArray<string>): DecodeError => ({ _tag: 'DecodeError', problems })

const isCombinator = (type: t.Decoder<never, unknown> & { _tag?: string }): boolean =>
  type._tag === 'UnionType' || type._tag === 'IntersectionType'

const renderPath = (context: t.Context): string => {
  const keys = context.slice(1).filter((_, i) => !isCombinator(context[i]!.type as never))
  const text = keys.map(({ key }) => (/^\d+$/.test(key) ? `[${key}]` : `.${key}`)).join('')
  return text.replace(/^\./, '') || 'value'
}

/** The type wanted at the place: that of the outermost union, so that a union counts as one expectation. */
const wanted = (context: t.Context): { path: string; expected: string } => {
  const at = context.findIndex(({ type }) => (type as { _tag?: string })._tag === 'UnionType')
  const cut = at === -1 || at === 0 ? context : context.slice(0, at + 1)
  return { path: renderPath(cut), expected: cut[cut.length - 1]!.type.name }
}

/** io-ts errors as sorted `path: expected type` lines. */
export const describeValidation = (errors: t.Errors): DecodeError => ({
  _tag: 'DecodeError',
  problems: [
    ...new Set(
      errors.map(({ context, message }) => {
        const { path, expected } = wanted(context)
        return `${path}: ${message ?? `expected ${expected}`}`
      }),
    ),
  ].sort(),
})

/** Decodes with a codec; a failure names path and expected type, never the value. */
export const decode =
  <A>(codec: t.Type<A, unknown, unknown>) =>
  (value: unknown): E.Either<DecodeError, A> =>
    E.mapLeft(describeValidation)(codec.decode(value))
