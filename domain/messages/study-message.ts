import * as E from 'fp-ts/lib/Either.js'
import type { DecodeError } from '../decode.js'
import { decodeError } from '../decode.js'
import type { Sensitive, SeriesInstanceUid } from '../sensitive.js'
import { revealOr, sensitiveOrNull } from '../sensitive.js'
import { projectSlug } from '../slug.js'
import type { StudyRequest } from '../study.js'
import type { Read } from './pickled.js'
import { documentOf, expected, readDate, readDatetime, readInteger } from './pickled.js'
import { isJsonObject, memberOf, pythonObject, pythonString, readJson } from './strict-json.js'
import type { WallTime } from './wall-time.js'
import { formatWallTime, parseWallTime } from './wall-time.js'

/** How a study message is written: plain JSON, or what the Python services write and alone can read. */
export type MessageFormat = 'plain' | 'jsonpickle'

const pickledClass = 'core.patient_queue.message.Message'

/** Far more than any identifier needs, and few enough for an index of the database. */
const longestIdentifier = 256

const identifier =
  <K extends string>(): Read<Sensitive<K> | null> =>
  (node, path) => {
    if (node === null) return E.right(null)
    if (typeof node !== 'string') return expected(path, 'text or null')
    return node.length <= longestIdentifier
      ? E.right(sensitiveOrNull<K>(node))
      : expected(path, `text of at most ${longestIdentifier} characters`)
  }

const readSeries: Read<ReadonlyArray<SeriesInstanceUid>> = (node, path) => {
  if (node === null) return E.right([])
  if (typeof node !== 'string') return expected(path, 'text or null')
  return E.right(node.split('\\').flatMap((uid) => sensitiveOrNull<'SeriesInstanceUid'>(uid) ?? []))
}

const readProject: Read<Pick<StudyRequest, 'project' | 'projectName'>> = (node, path) => {
  if (typeof node !== 'string') return expected(path, 'text')
  const slug = projectSlug(node)
  return E.isRight(slug)
    ? E.right({ project: slug.right, projectName: node })
    : expected(path, 'a project name that makes a slug of 1 to 200 letters, digits and hyphens')
}

/** Keeps the text of a timestamp as it is; one that was an object becomes its `isoformat()`. */
const readTimestampText: Read<string> = (node, path, document) =>
  E.map((time: WallTime) => (typeof node === 'string' ? node : formatWallTime(time)))(
    readDatetime(node, path, document),
  )

/**
 * Reads a study message in either encoding, as pure data.
 *
 * A message of another form is an error that names path and expected type of every fault, never a value. Pseudonyms do
 * not travel in messages.
 */
export const decodeStudyMessage = (bytes: Uint8Array): E.Either<DecodeError, StudyRequest> => {
  const json = readJson(bytes)
  if (E.isLeft(json)) return json
  const message = json.right
  if (!isJsonObject(message)) return E.left(decodeError('value: expected an object'))
  const pyObject = memberOf(message, 'py/object')
  if (pyObject !== undefined && pyObject !== pickledClass) {
    return E.left(decodeError(`py/object: expected "${pickledClass}"`))
  }
  const document = pyObject === undefined ? [] : documentOf(message)
  const field = <A>(key: string, read: Read<A>): E.Either<string, A> => read(memberOf(message, key), key, document)
  const fields = {
    mrn: field('mrn', identifier<'Mrn'>()),
    accessionNumber: field('accession_number', identifier<'AccessionNumber'>()),
    studyInstanceUid: field('study_uid', identifier<'StudyInstanceUid'>()),
    seriesInstanceUids: field('series_uid', readSeries),
    studyDate: field('study_date', readDate),
    procedureOccurrenceId: field('procedure_occurrence_id', readInteger),
    names: field('project_name', readProject),
    extractGeneratedTimestamp: field('extract_generated_timestamp', readTimestampText),
  }
  const problems = Object.values(fields).flatMap((result) => (E.isLeft(result) ? [result.left] : []))
  const right = <A>(result: E.Either<string, A>): A => (result as E.Right<A>).right
  if (problems.length > 0) return E.left(decodeError(...problems.sort()))
  return E.right({
    ...right(fields.names),
    mrn: right(fields.mrn),
    accessionNumber: right(fields.accessionNumber),
    studyInstanceUid: right(fields.studyInstanceUid),
    seriesInstanceUids: right(fields.seriesInstanceUids),
    studyDate: right(fields.studyDate),
    procedureOccurrenceId: right(fields.procedureOccurrenceId),
    extractGeneratedTimestamp: right(fields.extractGeneratedTimestamp),
    pseudoPatientId: null,
  })
}

/** A time the program itself put into a request; one of the wrong form is a bug and throws. */
const wallTimeOf = (text: string): WallTime => {
  const time = parseWallTime(text)
  if (time === null) throw new Error('a study request holds a date or timestamp that is not ISO 8601')
  return time
}

const base64 = (...bytes: ReadonlyArray<number>): string => btoa(String.fromCharCode(...bytes))

const stateOfDate = ({ year, month, day }: WallTime): ReadonlyArray<number> => [year >> 8, year & 255, month, day]

const stateOfTime = ({ hour, minute, second, microsecond }: WallTime): ReadonlyArray<number> => [
  hour,
  minute,
  second,
  microsecond >> 16,
  (microsecond >> 8) & 255,
  microsecond & 255,
]

const pickledZone = (offsetUs: number): string => {
  const days = offsetUs < 0 ? -1 : 0
  const us = offsetUs - days * 86_400_000_000
  const timedelta = `{"py/tuple": [${days}, ${Math.floor(us / 1_000_000)}, ${us % 1_000_000}]}`
  const reduced = `{"py/reduce": [{"py/type": "datetime.timedelta"}, ${timedelta}]}`
  return `{"py/reduce": [{"py/type": "datetime.timezone"}, {"py/tuple": [${reduced}]}]}`
}

const pickled = (type: string, args: ReadonlyArray<string>): string =>
  `{"py/object": "${type}", "__reduce__": [{"py/type": "${type}"}, [${args.join(', ')}]]}`

const pickledDate = (date: string): string =>
  pickled('datetime.date', [`"${base64(...stateOfDate(wallTimeOf(`${date}T00:00:00`)))}"`])

const pickledDatetime = (text: string): string => {
  const time = wallTimeOf(text)
  const state = `"${base64(...stateOfDate(time), ...stateOfTime(time))}"`
  return pickled('datetime.datetime', time.offsetUs === null ? [state] : [state, pickledZone(time.offsetUs)])
}

/** Writes a study message byte for byte as the Python services do, or in the plain form with the same members. */
export const encodeStudyMessage = (request: StudyRequest, format: MessageFormat): Uint8Array => {
  const isPlain = format === 'plain'
  const members: ReadonlyArray<readonly [string, string]> = [
    ['mrn', pythonString(revealOr(request.mrn))],
    ['accession_number', pythonString(revealOr(request.accessionNumber))],
    ['study_uid', pythonString(revealOr(request.studyInstanceUid))],
    ['series_uid', pythonString(request.seriesInstanceUids.map((uid) => uid.reveal()).join('\\'))],
    ['study_date', isPlain ? pythonString(request.studyDate) : pickledDate(request.studyDate)],
    ['procedure_occurrence_id', String(request.procedureOccurrenceId)],
    ['project_name', pythonString(request.projectName)],
    [
      'extract_generated_timestamp',
      isPlain ? pythonString(request.extractGeneratedTimestamp) : pickledDatetime(request.extractGeneratedTimestamp),
    ],
  ]
  const tag = ['py/object', pythonString(pickledClass)] as const
  return new TextEncoder().encode(pythonObject(isPlain ? members : [tag, ...members]))
}
