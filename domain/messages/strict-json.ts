import * as E from 'fp-ts/lib/Either.js'
import type { DecodeError } from '../decode.js'
import { decodeError } from '../decode.js'

export type Json = null | boolean | number | string | ReadonlyArray<Json> | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

const largestBytes = 1024 * 1024
const deepestNesting = 32

export const isJsonObject = (node: Json | undefined): node is JsonObject =>
  typeof node === 'object' && node !== null && !Array.isArray(node)

/** An object's own member; nothing that every JavaScript object inherits. */
export const memberOf = (node: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(node, key) ? node[key] : undefined

/** The first thing `JSON.parse` accepts and two readers may understand differently; null when there is none. */
const findAmbiguity = (text: string): string | null => {
  const open: Array<Set<string> | null> = []
  let keyExpected = false
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g)) {
    const keys = open[open.length - 1]
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : null)
      if (open.length > deepestNesting) return `nesting of at most ${deepestNesting} levels`
    } else if (token === '}' || token === ']') open.pop()
    else if (token.startsWith('"')) {
      const value = JSON.parse(token) as string
      if (/[\p{Surrogate}\0]/u.test(value)) return 'text without NUL and unpaired surrogates'
      if (keys && keyExpected && keys.has(value)) return 'every key once per object'
      if (keys && keyExpected) keys.add(value)
    }
    keyExpected = token === '{' || token === ','
  }
  return null
}

/**
 * Reads bytes from a stranger as JSON: UTF-8, at most 1 MiB, little nesting, no key twice, no text that cannot be
 * stored. Never throws.
 */
export const readJson = (bytes: Uint8Array): E.Either<DecodeError, Json> => {
  const refuse = (expected: string) => E.left(decodeError(`value: expected ${expected}`))
  if (bytes.length > largestBytes) return refuse('at most 1 MiB')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value = JSON.parse(text) as Json
    const ambiguity = findAmbiguity(text)
    return ambiguity === null ? E.right(value) : refuse(ambiguity)
  } catch {
    return refuse('JSON text in UTF-8')
  }
}

/** A text as Python's `json.dumps` writes it: everything that is not printable ASCII is escaped. */
export const pythonString = (text: string): string =>
  JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** An object as Python's `json.dumps` writes it, from members that are JSON text already. */
export const pythonObject = (members: ReadonlyArray<readonly [key: string, json: string]>): string =>
  `{${members.map(([key, json]) => `${pythonString(key)}: ${json}`).join(', ')}}`
