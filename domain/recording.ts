import type { ImageRecord, ImageRequest } from './extract.js'
import { effectiveState } from './extract.js'
import type { Priority } from './identifiers.js'
import type { StudyRequest } from './study.js'
import { requestIdentity } from './study.js'
import type { Moved } from './transitions.js'
import { mergeRequest, uniteSeries } from './transitions.js'

/** What became of a batch of requests; the four add up to the number of different studies in it. */
export interface Recorded {
  /** Studies that had no row. */
  readonly added: number
  /** Studies with a row that is still to be done or has ended otherwise. */
  readonly known: number
  /** Studies exported before, by us or another system, with nothing more to do. */
  readonly exported: number
  /** Studies that had ended and are requested again. */
  readonly reopened: number
}

/** The rows a batch of requests makes, takes over and changes. */
export interface Recording {
  /** Rows to insert; their `imageId` is 0. */
  readonly inserted: ReadonlyArray<ImageRecord>
  /** Rows of another system that become ours. */
  readonly adopted: ReadonlyArray<ImageRecord>
  /** Our rows with the requests joined. */
  readonly merged: ReadonlyArray<Moved>
  readonly recorded: Recorded
}

/** The rows of one study that exist: at most one of ours, and any number another system wrote. */
export interface Existing {
  readonly ours: ImageRecord | null
  readonly foreign: ReadonlyArray<ImageRecord>
}

/** Identity of a study over all projects, revealed: a key for maps in memory only. */
export const studyIdentity = (request: Parameters<typeof requestIdentity>[0] & { readonly project: string }): string =>
  `${request.project} ${requestIdentity(request)}`

const asked = (request: StudyRequest, priority: Priority): ImageRequest => ({
  extractGeneratedTimestamp: request.extractGeneratedTimestamp,
  procedureOccurrenceId: request.procedureOccurrenceId,
  priority,
})

const newImage = (request: StudyRequest, priority: Priority, queue: string, now: Date): ImageRecord => ({
  imageId: 0,
  project: request.project,
  mrn: request.mrn,
  accessionNumber: request.accessionNumber,
  studyInstanceUid: request.studyInstanceUid,
  studyDate: request.studyDate,
  state: 'requested',
  reason: null,
  series: uniteSeries(request.seriesInstanceUids, request.seriesInstanceUids),
  claimedSeries: [],
  requests: [asked(request, priority)],
  priority,
  queue,
  attempts: 0,
  claims: 0,
  nextActionAt: now,
  deadlineAt: null,
  publishedAt: null,
  publishingUntil: null,
  leaseOwner: null,
  leaseUntil: null,
  fence: 0,
  studyKey: null,
  pseudoStudyUid: null,
  pseudoPatientId: request.pseudoPatientId,
  exportedAt: null,
  deliveries: [],
})

/** Of duplicates another system wrote, the exported one, else the oldest, becomes ours. */
const adopt = (foreign: ReadonlyArray<ImageRecord>, fresh: ImageRecord): ImageRecord | null => {
  const row = foreign.find(({ exportedAt }) => exportedAt !== null) ?? foreign[0]
  if (row === undefined) return null
  const exported = row.exportedAt !== null
  return {
    ...fresh,
    imageId: row.imageId,
    studyDate: row.studyDate,
    state: exported ? 'exported' : 'requested',
    nextActionAt: exported ? null : fresh.nextActionAt,
    exportedAt: row.exportedAt,
    pseudoStudyUid: row.pseudoStudyUid,
    pseudoPatientId: row.pseudoPatientId ?? fresh.pseudoPatientId,
  }
}

/** Decides what becomes of requests, one after the other; pure, so that every repository records alike. */
export const recordAll = (
  requests: ReadonlyArray<StudyRequest>,
  existing: (request: StudyRequest) => Existing,
  priority: Priority,
  queue: string,
  now: Date,
): Recording => {
  const rows = new Map<
    string,
    { kind: 'inserted' | 'adopted'; image: ImageRecord } | { kind: 'merged'; moved: Moved }
  >()
  const outcomes = new Map<string, keyof Recorded>()
  const join = (key: string, image: ImageRecord, request: StudyRequest): Moved => {
    const moved = mergeRequest(image, { series: request.seriesInstanceUids, requests: [asked(request, priority)] }, now)
    if (moved.transition === 'reopen') outcomes.set(key, 'reopened')
    return moved
  }
  for (const request of requests) {
    const key = studyIdentity(request)
    const row = rows.get(key)
    if (row?.kind === 'merged') {
      const moved = join(key, row.moved.image, request)
      rows.set(key, {
        kind: 'merged',
        moved: row.moved.transition === 'reopen' ? { ...row.moved, image: moved.image } : moved,
      })
    } else if (row !== undefined) {
      rows.set(key, { kind: row.kind, image: join(key, row.image, request).image })
    } else {
      const { ours, foreign } = existing(request)
      const fresh = newImage(request, priority, queue, now)
      const adopted = adopt(foreign, fresh)
      if (ours !== null) {
        outcomes.set(key, effectiveState(ours) === 'exported' ? 'exported' : 'known')
        rows.set(key, { kind: 'merged', moved: join(key, ours, request) })
      } else if (adopted !== null) {
        outcomes.set(key, adopted.state === 'exported' ? 'exported' : 'known')
        rows.set(key, { kind: 'adopted', image: adopted })
      } else {
        outcomes.set(key, 'added')
        rows.set(key, { kind: 'inserted', image: fresh })
      }
    }
  }
  const all = [...rows.values()]
  const images = (kind: 'inserted' | 'adopted'): ReadonlyArray<ImageRecord> =>
    all.flatMap((row) => (row.kind === kind ? [row.image] : []))
  const count = (outcome: keyof Recorded): number => [...outcomes.values()].filter((each) => each === outcome).length
  return {
    inserted: images('inserted'),
    adopted: images('adopted'),
    merged: all.flatMap((row) => (row.kind === 'merged' ? [row.moved] : [])),
    recorded: {
      added: count('added'),
      known: count('known'),
      exported: count('exported'),
      reopened: count('reopened'),
    },
  }
}

/** The message that wakes a worker up for a row: the study, and the latest asking for it. */
export const requestFor = (image: ImageRecord): StudyRequest => {
  const latest = image.requests[image.requests.length - 1]
  return {
    project: image.project,
    projectName: image.project,
    mrn: image.mrn,
    accessionNumber: image.accessionNumber,
    studyInstanceUid: image.studyInstanceUid,
    seriesInstanceUids: image.series,
    studyDate: image.studyDate,
    procedureOccurrenceId: latest?.procedureOccurrenceId ?? null,
    extractGeneratedTimestamp: latest?.extractGeneratedTimestamp ?? '',
    pseudoPatientId: image.pseudoPatientId,
  }
}
