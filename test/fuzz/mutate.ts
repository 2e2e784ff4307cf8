import type { Random } from '../../adapters/synthetic/random.js'

const numbers = [
  0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff,
]

const spliced = (bytes: Uint8Array, from: number, to: number, ...between: ReadonlyArray<Uint8Array>): Buffer =>
  Buffer.concat([bytes.subarray(0, from), ...between, bytes.subarray(to)])

/** Changes a number of 2, 4 or 8 bytes in place: to a special value, or by a little. */
const changeNumber = (bytes: Buffer, random: Random): void => {
  const width = random.pick([1, 2, 4])
  if (bytes.length < width) return
  const at = random.below(bytes.length - width + 1)
  const near = bytes.readUIntLE(at, width) + random.pick([-2, -1, 1, 2, 8])
  const value = random.below(2) === 0 ? random.pick(numbers) : near
  bytes.writeUIntLE(((value % 256 ** width) + 256 ** width) % 256 ** width, at, width)
}

/** One change that knows nothing of the format. */
export const mutateBytes = (input: Uint8Array, random: Random): Buffer => {
  const bytes = Buffer.from(input)
  if (bytes.length === 0) return Buffer.from([random.below(256)])
  const at = random.below(bytes.length)
  const to = Math.min(bytes.length, at + 1 + random.below(random.pick([4, 40, 4000])))
  switch (random.below(8)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 1:
      bytes[at] = random.below(256)
      return bytes
    case 2:
      return spliced(bytes, at, to)
    case 3:
      return spliced(bytes, at, at, bytes.subarray(at, to))
    case 4:
      return random.below(3) === 0 ? bytes.subarray(0, at) : bytes.fill(random.pick([0, 0xff]), at, to)
    case 5: {
      const from = random.below(bytes.length)
      return spliced(bytes, at, at, bytes.subarray(from, Math.min(bytes.length, from + (to - at))))
    }
    default:
      changeNumber(bytes, random)
      return bytes
  }
}

/** What a language is made of, for mutations that stay close to its grammar. */
export interface Grammar {
  /** Finds the tokens of a text; must match globally. */
  readonly token: RegExp
  /** Tokens to put in: special ones of the language, and those that have troubled readers before. */
  readonly dictionary: ReadonlyArray<string>
}

/** One change of tokens: replaced, removed, repeated, exchanged, moved or wrapped. */
const mutateTokens = (tokens: Array<string>, { dictionary }: Grammar, random: Random): void => {
  const at = random.below(tokens.length)
  const other = random.below(tokens.length)
  const count = 1 + random.below(random.pick([1, 3, 12]))
  switch (random.below(8)) {
    case 0:
    case 1:
      tokens.splice(at, 1, random.pick(dictionary))
      break
    case 2:
      tokens.splice(at, 0, random.pick(dictionary))
      break
    case 3:
      tokens.splice(at, count)
      break
    case 4:
      tokens.splice(other, 0, ...tokens.slice(at, at + count))
      break
    case 5:
      ;[tokens[at], tokens[other]] = [tokens[other]!, tokens[at]!]
      break
    case 6:
      tokens.splice(at, 0, ...Array.from({ length: random.pick([2, 40, 1500]) }, () => tokens[at]!))
      break
    case 7:
      tokens[at] = mutateBytes(Buffer.from(tokens[at]!), random).toString()
  }
}

/** A text with some tokens changed, and rarely with broken bytes. */
export const mutateText = (text: string, grammar: Grammar, random: Random): Buffer => {
  const tokens: Array<string> = text.match(grammar.token) ?? ['']
  for (let left = 1 + random.below(4); left > 0; left--) {
    mutateTokens(tokens, grammar, random)
    if (tokens.length === 0) tokens.push('')
  }
  const bytes = Buffer.from(tokens.join(''))
  return random.below(8) === 0 ? mutateBytes(bytes, random) : bytes
}

type Json = null | boolean | number | string | Array<Json> | { [key: string]: Json }

/** Every place of a document, as its container and key. */
const placesOf = (value: Json): ReadonlyArray<readonly [Record<string, Json>, string]> =>
  typeof value !== 'object' || value === null
    ? []
    : Object.keys(value).flatMap((key) => {
        const container = value as Record<string, Json>
        return [[container, key] as const, ...placesOf(container[key]!)]
      })

/** A JSON document that is still one, with some of its values replaced, removed, moved or wrapped. */
export const mutateJson = (text: string, { dictionary }: Grammar, random: Random): Buffer => {
  const document = JSON.parse(text) as Json
  const values = dictionary.flatMap((token): ReadonlyArray<Json> => {
    try {
      return [JSON.parse(token) as Json]
    } catch {
      return []
    }
  })
  for (let left = 1 + random.below(3); left > 0; left--) {
    const places = placesOf(document)
    if (places.length === 0) break
    const [container, key] = random.pick(places)
    const [other, otherKey] = random.pick(places)
    switch (random.below(5)) {
      case 0:
        delete container[key]
        break
      case 1:
        container[key] = structuredClone(other[otherKey]!)
        break
      case 2:
        container[key] =
          random.below(2) === 0 ? [container[key]!] : { [random.pick(['py/tuple', 'py/id'])]: container[key]! }
        break
      case 3:
        if (typeof container[key] === 'string')
          container[key] = mutateBytes(Buffer.from(container[key]), random).toString()
        else if (typeof container[key] === 'number') container[key] += random.pick([-1, 1, 0.5, 1e9])
        break
      default:
        container[key] = structuredClone(random.pick(values))
    }
  }
  return Buffer.from(JSON.stringify(document))
}

/** A smaller input that still fails, found by leaving parts out; tries at most `most` times. */
export const minimise = async (
  input: Uint8Array,
  fails: (smaller: Uint8Array) => Promise<boolean>,
  most = 600,
): Promise<Uint8Array> => {
  let smallest = input
  let tries = 0
  for (let step = Math.ceil(input.length / 2); step >= 1 && tries < most; step = step === 1 ? 0 : Math.ceil(step / 2)) {
    for (let at = 0; at < smallest.length && tries < most; tries++) {
      const smaller = spliced(smallest, at, Math.min(smallest.length, at + step))
      if (await fails(smaller)) smallest = smaller
      else at += step
    }
  }
  return smallest
}
