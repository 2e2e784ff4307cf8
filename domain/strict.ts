import * as t from 'io-ts'
import * as E from 'fp-ts/lib/Either.js'

/** Decoders for files that people write: whatever is not expected is an error, and all errors are found at once. */
export type StrictDecoder<A> = t.Decoder<unknown, A>

type Fields = Readonly<Record<string, StrictDecoder<unknown>>>
type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends StrictDecoder<infer A> ? A : never }

/** A decoder of its own; `expected` says in words what it accepts, and is all that an error shows. */
export const strictDecoder = <A>(expected: string, validate: t.Validate<unknown, A>): StrictDecoder<A> => {
  const decoder: StrictDecoder<A> = {
    name: expected,
    validate,
    decode: (u) => validate(u, [{ key: '', type: decoder, actual: u }]),
  }
  return decoder
}

/** Accepts the values a guard accepts. */
export const guarded = <A>(expected: string, is: (u: unknown) => u is A): StrictDecoder<A> =>
  strictDecoder(expected, (u, context) => (is(u) ? t.success(u) : t.failure(u, context)))

/** A text that keeps a rule. */
export const textOf = (expected: string, keeps: (text: string) => boolean): StrictDecoder<string> =>
  guarded(expected, (u): u is string => typeof u === 'string' && keeps(u))

/** An integer of at least `least`. */
export const integerFrom = (expected: string, least: number): StrictDecoder<number> =>
  guarded(expected, (u): u is number => Number.isSafeInteger(u) && (u as number) >= least)

/** A value that may be left out or left empty. */
export const withDefault = <A>(decoder: StrictDecoder<A>, fallback: A): StrictDecoder<A> =>
  strictDecoder(decoder.name, (u, context) =>
    u === undefined || u === null ? t.success(fallback) : decoder.validate(u, context),
  )

/** A list in which nothing stands twice: `identity` tells what is the same. */
export const listOf = <A>(
  expected: string,
  item: StrictDecoder<A>,
  rules: { readonly atLeast?: number; readonly identity?: (value: A) => string | number } = {},
): StrictDecoder<ReadonlyArray<A>> =>
  strictDecoder(expected, (u, context) => {
    if (!Array.isArray(u) || u.length < (rules.atLeast ?? 0)) return t.failure(u, context)
    const seen = new Set<string | number>()
    const values: Array<A> = []
    const errors: t.Errors = []
    u.forEach((entry: unknown, i) => {
      const at = t.appendContext(context, String(i), item, entry)
      const decoded = item.validate(entry, at)
      if (E.isLeft(decoded)) return void errors.push(...decoded.left)
      const identity = rules.identity?.(decoded.right)
      if (identity !== undefined && seen.has(identity)) {
        errors.push({ value: entry, context: at, message: 'expected each entry once, and this one stands before' })
      }
      if (identity !== undefined) seen.add(identity)
      values.push(decoded.right)
    })
    return errors.length > 0 ? t.failures(errors) : t.success(values)
  })

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === 'object' && u !== null && !Array.isArray(u)

/** A key as it may be shown: a misspelt one is, what was pasted into the wrong file could be anything. */
const shownKey = (key: string): string => (/^[a-z_]{1,40}$/.test(key) ? key : '(another key)')

/** A mapping with these keys and no others. */
export const strictRecord = <F extends Fields>(expected: string, fields: F): StrictDecoder<Decoded<F>> =>
  strictDecoder(expected, (u, context) => {
    if (!isRecord(u)) return t.failure(u, context)
    const values: Record<string, unknown> = {}
    const errors: t.Errors = []
    for (const [key, field] of Object.entries(fields)) {
      const value = Object.hasOwn(u, key) ? u[key] : undefined
      const decoded = field.validate(value, t.appendContext(context, key, field, value))
      if (E.isLeft(decoded)) errors.push(...decoded.left)
      else values[key] = decoded.right
    }
    const known = Object.keys(fields).join(', ')
    for (const key of Object.keys(u).filter((name) => !Object.hasOwn(fields, name))) {
      const nothing = strictDecoder<never>(`no such key; known here: ${known}`, t.failure)
      errors.push({ value: u[key], context: t.appendContext(context, shownKey(key), nothing, u[key]) })
    }
    return errors.length > 0 ? t.failures(errors) : t.success(values as Decoded<F>)
  })
