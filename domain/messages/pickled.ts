import * as E from 'fp-ts/lib/Either.js'
import type { Json, JsonObject } from './strict-json.js'
import { isJsonObject, memberOf } from './strict-json.js'
import type { WallTime } from './wall-time.js'
import { atOffset, formatDate, inZone, isWallTime, offsetInZone, parseWallTime } from './wall-time.js'

/**
 * Reads one place of a document: the value, or `path: expected X`. jsonpickle's tags are looked up in the fixed tables
 * of this file; nothing is ever made by the name a message gives.
 */
export type Read<A> = (node: Json | undefined, path: string, document: Document) => E.Either<string, A>

/** The objects of a document in its order: what `py/id` counts. */
export type Document = ReadonlyArray<JsonObject>

/** Lists the objects a `py/id` may stand for. */
export const documentOf = (node: Json): Document => {
  if (Array.isArray(node)) return (node as ReadonlyArray<Json>).flatMap(documentOf)
  if (!isJsonObject(node)) return []
  const counted = Object.hasOwn(node, 'py/object') || Object.hasOwn(node, 'py/reduce')
  return [...(counted ? [node] : []), ...Object.values(node).flatMap(documentOf)]
}

export const expected = (path: string, what: string): E.Either<string, never> => E.left(`${path}: expected ${what}`)

/**
 * Follows `py/id`. Some releases of jsonpickle count from 1, others from 0; what is wanted there decides, since two
 * objects of one kind are never neighbours in a message.
 */
const following =
  <A>(read: Read<A>): Read<A> =>
  (node, path, document) => {
    const id = isJsonObject(node) ? memberOf(node, 'py/id') : undefined
    if (id === undefined) return read(node, path, document)
    const candidates = typeof id === 'number' ? [document[id - 1], document[id]] : []
    const found = candidates.map((object) => read(object, path, document)).find(E.isRight)
    return found ?? expected(`${path}.py/id`, 'a reference to an object of the kind wanted here')
  }

interface Reduction {
  readonly name: string
  readonly args: ReadonlyArray<Json>
  readonly argsPath: string
}

const onlyKeys = (node: JsonObject, ...keys: ReadonlyArray<string>): boolean =>
  Object.keys(node).length === keys.length && keys.every((key) => Object.hasOwn(node, key))

const tupleOf = (node: Json | undefined): ReadonlyArray<Json> | null => {
  const items = isJsonObject(node) && onlyKeys(node, 'py/tuple') ? node['py/tuple'] : node
  return Array.isArray(items) ? (items as ReadonlyArray<Json>) : null
}

const callableOf = (node: Json | undefined): string | null => {
  if (!isJsonObject(node)) return null
  const name = onlyKeys(node, 'py/type')
    ? node['py/type']
    : onlyKeys(node, 'py/function')
      ? node['py/function']
      : undefined
  return typeof name === 'string' ? name : null
}

/** What an object says it is made of: a callable's name and its arguments, as data. */
const reductionOf = (node: Json | undefined, path: string): Reduction | null => {
  if (!isJsonObject(node)) return null
  const key = onlyKeys(node, 'py/reduce')
    ? 'py/reduce'
    : onlyKeys(node, 'py/object', '__reduce__')
      ? '__reduce__'
      : null
  const parts = key === null ? null : tupleOf(node[key])
  const name = callableOf(parts?.[0])
  const args = tupleOf(parts?.[1])
  if (name === null || args === null) return null
  const tagged = isJsonObject(parts?.[1]) ? '.py/tuple' : ''
  return { name, args, argsPath: `${path}.${key}[1]${tagged}` }
}

const bytesOf = (node: Json | undefined): Uint8Array | null =>
  typeof node === 'string' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(node)
    ? Uint8Array.from(atob(node), (c) => c.charCodeAt(0))
    : null

const isInteger = (node: Json | undefined): node is number => typeof node === 'number' && Number.isSafeInteger(node)

/** `datetime.timedelta` in microseconds. */
const readTimedelta: Read<number> = following((node, path) => {
  const reduction = reductionOf(node, path)
  const [days, seconds = 0, microseconds = 0] = reduction?.args ?? []
  return reduction?.name === 'datetime.timedelta' && isInteger(days) && isInteger(seconds) && isInteger(microseconds)
    ? E.right((days * 86_400 + seconds) * 1_000_000 + microseconds)
    : expected(path, 'a datetime.timedelta of integers')
})

/** A zone: an offset in microseconds, or the name of an IANA zone. */
type Zone = number | string

const zoneReaders: Readonly<Record<string, (reduction: Reduction, document: Document) => E.Either<string, Zone>>> = {
  'datetime.timezone': ({ args, argsPath }, document) => readTimedelta(args[0], `${argsPath}[0]`, document),
  'zoneinfo.ZoneInfo._unpickle': ({ args, argsPath }) =>
    typeof args[0] === 'string' ? E.right(args[0]) : expected(`${argsPath}[0]`, 'the name of a time zone'),
  'pytz._UTC': () => E.right(0),
  'pytz._p': ({ args, argsPath }) => {
    if (typeof args[0] !== 'string') return expected(`${argsPath}[0]`, 'the name of a time zone')
    return isInteger(args[1]) ? E.right(args[1] * 1_000_000) : E.right(args[0])
  },
}

const readZone: Read<Zone> = following((node, path, document) => {
  const reduction = reductionOf(node, path)
  const read = reduction && Object.hasOwn(zoneReaders, reduction.name) ? zoneReaders[reduction.name] : undefined
  return reduction && read ? read(reduction, document) : expected(path, 'a time zone of datetime, zoneinfo or pytz')
})

const withZone = (time: WallTime, zone: Zone, path: string): E.Either<string, WallTime> => {
  const zoned = typeof zone === 'number' ? { ...time, offsetUs: zone } : inZone(time, zone)
  return zoned !== null && isWallTime(zoned) ? E.right(zoned) : expected(path, 'a known time zone')
}

const dateOf = (bytes: Uint8Array): WallTime => ({
  year: bytes[0]! * 256 + bytes[1]!,
  month: bytes[2]!,
  day: bytes[3]!,
  hour: bytes[4] ?? 0,
  minute: bytes[5] ?? 0,
  second: bytes[6] ?? 0,
  microsecond: (bytes[7] ?? 0) * 65536 + (bytes[8] ?? 0) * 256 + (bytes[9] ?? 0),
  offsetUs: null,
})

const readState = (reduction: Reduction, length: number): E.Either<string, WallTime> => {
  const bytes = bytesOf(reduction.args[0])
  const time = bytes?.length === length ? dateOf(bytes) : null
  return time !== null && isWallTime(time)
    ? E.right(time)
    : expected(`${reduction.argsPath}[0]`, `base64 of the ${length} bytes of a date`)
}

const readPickledDatetime = (reduction: Reduction, document: Document): E.Either<string, WallTime> => {
  const time = readState(reduction, 10)
  const path = `${reduction.argsPath}[1]`
  if (E.isLeft(time) || reduction.args.length < 2) return time
  return E.chain((zone: Zone) => withZone(time.right, zone, path))(readZone(reduction.args[1], path, document))
}

/** pandas counts nanoseconds since the epoch; JSON readers keep them to about 0.1 us, so that rounding is exact. */
const readPandasTimestamp = ({ args, argsPath }: Reduction, document: Document): E.Either<string, WallTime> => {
  const [nanoseconds, , zone] = args
  const epochUs = typeof nanoseconds === 'number' ? Math.round(nanoseconds / 1000) : NaN
  if (!Number.isSafeInteger(epochUs)) return expected(`${argsPath}[0]`, 'nanoseconds since the epoch')
  if (zone === null || zone === undefined) return E.right(atOffset(epochUs, null))
  return E.chain((known: Zone) => {
    const offset = typeof known === 'number' ? known : offsetInZone(epochUs, known)
    return offset === null || Math.abs(offset) >= 86_400_000_000
      ? expected(`${argsPath}[2]`, 'a known time zone')
      : E.right(atOffset(epochUs, offset))
  })(readZone(zone, `${argsPath}[2]`, document))
}

/** A date and time: ISO 8601 text, `datetime.datetime` or a pandas timestamp. */
export const readDatetime: Read<WallTime> = following((node, path, document) => {
  const time = typeof node === 'string' ? parseWallTime(node) : null
  if (time !== null) return E.right(time)
  const reduction = reductionOf(node, path)
  switch (reduction?.name) {
    case 'datetime.datetime':
      return readPickledDatetime(reduction, document)
    case 'pandas._libs.tslibs.timestamps._unpickle_timestamp':
      return readPandasTimestamp(reduction, document)
    default:
      return expected(path, 'a date and time (ISO 8601 text or datetime.datetime)')
  }
})

/** A calendar date `YYYY-MM-DD`: text, `datetime.date`, or the date of whatever {@link readDatetime} reads. */
export const readDate: Read<string> = following((node, path, document) => {
  const reduction = reductionOf(node, path)
  if (reduction?.name === 'datetime.date') return E.map(formatDate)(readState(reduction, 4))
  const text = typeof node === 'string' && /^\d{4}-\d\d-\d\d$/.test(node) ? `${node}T00:00:00` : node
  const time = readDatetime(text, path, document)
  return E.isLeft(time) && reduction === null
    ? expected(path, 'a date (YYYY-MM-DD or datetime.date)')
    : E.map(formatDate)(time)
})

const readNumpyInteger = ({ args, argsPath }: Reduction): E.Either<string, number> => {
  const dtype = isJsonObject(args[0]) ? tupleOf(memberOf(args[0], 'py/reduce')) : null
  const kind = callableOf(dtype?.[0]) === 'numpy.dtype' ? tupleOf(dtype?.[1])?.[0] : undefined
  if (typeof kind !== 'string' || !/^<?[iu][1248]$/.test(kind) || tupleOf(dtype?.[2])?.[1] === '>') {
    return expected(`${argsPath}[0]`, 'the numpy.dtype of a little-endian integer')
  }
  const bytes = isJsonObject(args[1]) ? bytesOf(memberOf(args[1], 'py/b64')) : null
  if (bytes === null || bytes.length !== Number(kind.slice(-1))) {
    return expected(`${argsPath}[1]`, 'py/b64 of as many bytes as the dtype has')
  }
  const unsigned = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
  const value = Number(kind.includes('i') ? BigInt.asIntN(bytes.length * 8, unsigned) : unsigned)
  return Number.isSafeInteger(value) ? E.right(value) : expected(`${argsPath}[1]`, 'an integer below 2^53')
}

/** An integer below 2^53: a number, its decimal digits as text, or a numpy scalar; null where there is none. */
export const readInteger: Read<number | null> = following((node, path) => {
  if (node === null || isInteger(node)) return E.right(node)
  if (typeof node === 'string' && /^-?\d{1,16}$/.test(node) && isInteger(Number(node))) return E.right(Number(node))
  const reduction = reductionOf(node, path)
  return reduction && /^numpy\.(_core|core)\.multiarray\.scalar$/.test(reduction.name)
    ? readNumpyInteger(reduction)
    : expected(path, 'an integer below 2^53')
})
