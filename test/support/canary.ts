import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { Marker } from '../../adapters/synthetic/markers.js'
import type { Content } from './canary-content.js'
import { fileContent, insideOf } from './canary-content.js'
import type { Form } from './marker-forms.js'
import { patternsOf } from './marker-forms.js'
import type { Search } from './marker-search.js'
import { makeSearch } from './marker-search.js'

/** Where no marker may be. `name` is how findings call the place, so it must not hold one. */
export type Place =
  /** A file or a directory tree: contents, names, targets of links, and what is inside zip, gzip and parquet files. */
  | { readonly name: string; readonly path: string }
  /** Printed text: standard output, standard error, a log. */
  | { readonly name: string; readonly text: string }
  /** A value, such as an error, in every form a program may print it. */
  | { readonly name: string; readonly value: unknown }

/** A marker where it must not be. Never holds the marker's value. */
export interface Finding {
  readonly place: string
  /** The marker's label. */
  readonly marker: string
  readonly form: Form
}

const inText = (search: Search, place: string, text: string): Promise<ReadonlyArray<Finding>> =>
  inBytes(search, place, [Buffer.from(text)])

const inBytes = async (
  search: Search,
  place: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<ReadonlyArray<Finding>> => {
  const found = await search.through(chunks)
  const once = new Map([...found].map(({ marker, form }) => [`${form} ${marker}`, { place, marker, form }]))
  return [...once.values()]
}

const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

/** What `console.log`, a JSON log, string concatenation and an uncaught error would print. */
const printedForms = (value: unknown): ReadonlyArray<string> => {
  const error = value instanceof Error ? [value.message, value.stack ?? '', inspect({ ...value }, { depth: 20 })] : []
  return [inspect(value, { depth: 20 }), jsonOf(value), String(value), ...error]
}

/** Searches a name; a name with a marker in it is not repeated: the place is then called by its number. */
const inName = async (
  search: Search,
  parent: string,
  name: string,
  number: number,
): Promise<{ place: string; findings: ReadonlyArray<Finding> }> => {
  const withheld = `${parent}: entry ${number}, name withheld`
  const findings = await inText(search, withheld, name)
  return { place: findings.length === 0 ? `${parent}/${name}` : withheld, findings }
}

/** How many times something may be inside of something. */
const deepest = 4

const inContent = async (
  search: Search,
  place: string,
  content: Content,
  depth = 0,
): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = [...(await inBytes(search, place, content.stream()))]
  if (depth === deepest) return findings
  let number = 0
  try {
    for await (const { name, content: inner } of insideOf(content)) {
      number += 1
      const named = name === null ? { place, findings: [] } : await inName(search, place, name, number)
      findings.push(...named.findings, ...(await inContent(search, named.place, inner, depth + 1)))
    }
  } catch {
    findings.push({ place, marker: 'not known', form: 'unreadable' })
  }
  return findings
}

const inTree = async (search: Search, place: string, path: string): Promise<ReadonlyArray<Finding>> => {
  const status = await lstat(path)
  if (status.isSymbolicLink()) return inText(search, place, await readlink(path))
  if (status.isFile()) return inContent(search, place, fileContent(path))
  if (!status.isDirectory()) return []
  const findings: Array<Finding> = []
  for (const [i, name] of (await readdir(path)).sort().entries()) {
    const named = await inName(search, place, name, i + 1)
    findings.push(...named.findings, ...(await inTree(search, named.place, join(path, name))))
  }
  return findings
}

const inPlace = async (search: Search, place: Place): Promise<ReadonlyArray<Finding>> => {
  if ('path' in place) return inTree(search, place.name, place.path)
  if ('text' in place) return inText(search, place.name, place.text)
  return inText(search, place.name, printedForms(place.value).join('\n'))
}

/**
 * The canary sweep: searches places for markers, each in plain (whatever the case), base64, hexadecimal, URL-encoded,
 * escaped, UTF-16 and reversed form. An empty answer means that none of it is there; a missing path is an error.
 */
export const sweep = async (what: {
  readonly markers: ReadonlyArray<Marker>
  readonly places: ReadonlyArray<Place>
}): Promise<ReadonlyArray<Finding>> => {
  const search = makeSearch(what.markers.flatMap(patternsOf))
  const findings: Array<Finding> = []
  for (const place of what.places) findings.push(...(await inPlace(search, place)))
  return findings
}
