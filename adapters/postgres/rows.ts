import type { Knex } from 'knex'
import type { ImageDelivery, ImageEvent, ImageRecord, ImageRequest, ImageState } from '../../domain/extract.js'
import type { Priority } from '../../domain/identifiers.js'
import {
  DestinationName,
  known,
  ProjectSlug,
  PseudoPatientId,
  PseudoStudyUid,
  StudyKey,
  WorkerId,
} from '../../domain/identifiers.js'
import type { Reason } from '../../domain/reasons.js'
import { revealOr, sensitive, sensitiveOrNull } from '../../domain/sensitive.js'
import { uniteSeries } from '../../domain/transitions.js'

type Cell = string | number | Date | null
export type Row = Readonly<Record<string, unknown>>

/** Every column of an image with its requests and deliveries, as JSON where drivers differ in how they parse. */
export const imageColumns = `
  i.image_id, e.slug, i.mrn, i.accession_number, i.study_uid, to_char(i.study_date, 'YYYY-MM-DD') as study_date,
  i.state, i.reason, to_json(i.series) as series, to_json(i.claimed_series) as claimed_series, i.priority, i.queue,
  i.attempts, i.claims, i.next_action_at, i.deadline_at, i.published_at, i.publishing_until, i.lease_owner,
  i.lease_until, i.fence, i.study_key, i.pseudo_study_uid, i.pseudo_patient_id, i.exported_at,
  (select json_agg(json_build_object('extractGeneratedTimestamp', r.extract_generated_timestamp,
      'procedureOccurrenceId', r.procedure_occurrence_id, 'priority', r.priority) order by r.image_request_id)
    from pixl_pipeline.image_request r where r.image_id = i.image_id) as requests,
  (select json_agg(json_build_object('destination', d.destination, 'state', d.state, 'remoteName', d.remote_name,
      'bytes', d.bytes, 'sha256', d.sha256, 'deliveredAt', d.delivered_at) order by d.destination)
    from pixl_pipeline.image_delivery d where d.image_id = i.image_id) as deliveries`

export const fromImages = 'from pixl_pipeline.image i join pixl_pipeline.extract e on e.extract_id = i.extract_id'

const text = (value: unknown): string => value as string
const date = (value: unknown): Date | null => (value === null ? null : new Date(value as string | Date))
const count = (value: unknown): number => (value === null ? 0 : Number(value))
const orNull = <A>(value: unknown, read: (text: string) => A): A | null => (value === null ? null : read(text(value)))
const series = (value: unknown) => {
  const list = ((value as ReadonlyArray<string> | null) ?? []).map((uid) => sensitive<'SeriesInstanceUid'>(uid))
  return uniteSeries(list, list)
}

/** The record a row says; names another system wrote that are not of our form are not taken over. */
export const imageOf = (row: Row): ImageRecord => ({
  imageId: count(row['image_id']),
  project: known(ProjectSlug, text(row['slug'])),
  mrn: sensitiveOrNull(text(row['mrn'])),
  accessionNumber: sensitiveOrNull(text(row['accession_number'])),
  studyInstanceUid: sensitiveOrNull(row['study_uid'] as string | null),
  studyDate: text(row['study_date']),
  state: (row['state'] ?? 'requested') as ImageState,
  reason: row['reason'] as Reason | null,
  series: series(row['series']),
  claimedSeries: series(row['claimed_series']),
  requests: (row['requests'] as ReadonlyArray<ImageRequest> | null) ?? [],
  priority: Math.max(1, count(row['priority'])) as Priority,
  queue: (row['queue'] as string | null) ?? '',
  attempts: count(row['attempts']),
  claims: count(row['claims']),
  nextActionAt: date(row['next_action_at']),
  deadlineAt: date(row['deadline_at']),
  publishedAt: date(row['published_at']),
  publishingUntil: date(row['publishing_until']),
  leaseOwner: orNull(row['lease_owner'], (owner) => known(WorkerId, owner)),
  leaseUntil: date(row['lease_until']),
  fence: count(row['fence']),
  studyKey: orNull(row['study_key'], (key) => known(StudyKey, key)),
  pseudoStudyUid: orNull(row['pseudo_study_uid'], (uid) => (PseudoStudyUid.is(uid) ? uid : null)),
  pseudoPatientId: orNull(row['pseudo_patient_id'], (id) => (PseudoPatientId.is(id) ? id : null)),
  exportedAt: date(row['exported_at']),
  deliveries: ((row['deliveries'] as ReadonlyArray<Row> | null) ?? []).map((delivery) => ({
    destination: known(DestinationName, text(delivery['destination'])),
    state: delivery['state'] as ImageDelivery['state'],
    remoteName: delivery['remoteName'] as string | null,
    bytes: delivery['bytes'] === null ? null : count(delivery['bytes']),
    sha256: delivery['sha256'] as string | null,
    deliveredAt: date(delivery['deliveredAt']),
  })),
})

export const eventOf = (row: Row): ImageEvent => ({
  at: date(row['at'])!,
  transition: row['transition'] as ImageEvent['transition'],
  from: row['from_state'] as ImageState | null,
  to: row['to_state'] as ImageState,
  reason: row['reason'] as Reason | null,
  fence: count(row['fence']),
  detail: row['detail'] as ImageEvent['detail'],
})

/** Runs one statement with named bindings and gives its rows, whatever the driver. */
export const query = async (
  knex: Knex,
  sql: string,
  bindings: Readonly<Record<string, Cell>> = {},
): Promise<ReadonlyArray<Row>> => {
  const result = (await knex.raw(sql, bindings as Knex.ValueDict)) as { rows: ReadonlyArray<Row> }
  return result.rows
}

/** A record as the columns of `savedRow`, for `jsonb_to_recordset`. */
export const savedRow = (image: ImageRecord) => ({
  image_id: image.imageId,
  slug: image.project,
  mrn: revealOr(image.mrn),
  accession_number: revealOr(image.accessionNumber),
  study_uid: image.studyInstanceUid?.reveal() ?? null,
  study_date: image.studyDate,
  state: image.state,
  reason: image.reason,
  series: image.series.map((uid) => uid.reveal()),
  claimed_series: image.claimedSeries.map((uid) => uid.reveal()),
  priority: image.priority,
  queue: image.queue,
  attempts: image.attempts,
  claims: image.claims,
  next_action_at: image.nextActionAt,
  deadline_at: image.deadlineAt,
  published_at: image.publishedAt,
  publishing_until: image.publishingUntil,
  lease_owner: image.leaseOwner,
  lease_until: image.leaseUntil,
  fence: image.fence,
  study_key: image.studyKey,
  pseudo_study_uid: image.pseudoStudyUid,
  pseudo_patient_id: image.pseudoPatientId,
  exported_at: image.exportedAt,
})

/** The columns both an insert and an update write. */
export const savedColumns = `state, reason, series, claimed_series, priority, queue, attempts, claims, next_action_at,
  deadline_at, published_at, publishing_until, lease_owner, lease_until, fence, study_key, pseudo_study_uid,
  pseudo_patient_id, exported_at`

/** The shape of {@link savedRow} in SQL. */
export const savedShape = `(image_id int, slug text, mrn text, accession_number text, study_uid text, study_date date,
  state text, reason text, series text[], claimed_series text[], priority smallint, queue text, attempts int,
  claims int, next_action_at timestamptz, deadline_at timestamptz, published_at timestamptz,
  publishing_until timestamptz, lease_owner text, lease_until timestamptz, fence int, study_key text,
  pseudo_study_uid text, pseudo_patient_id text, exported_at timestamptz)`
