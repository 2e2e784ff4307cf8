import type { Knex } from 'knex'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { ImageRecord } from '../../domain/extract.js'
import type { Priority, StudyKey } from '../../domain/identifiers.js'
import type { Existing, Recorded } from '../../domain/recording.js'
import { recordAll, studyIdentity } from '../../domain/recording.js'
import { revealOr } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken, Moved } from '../../domain/transitions.js'
import { holds, mergeRequest, sameStudy } from '../../domain/transitions.js'
import type { Named } from '../../ports/extract-repository.js'
import { fromImages, imageColumns, imageOf, query, savedColumns, savedRow, savedShape } from './rows.js'

/**
 * Makes one transaction at a time per project record requests or names: a row found absent stays absent until the
 * transaction ends. Gives the transaction's time.
 */
const lockProjects = async (trx: Knex, slugs: ReadonlyArray<string>): Promise<Date> => {
  for (const slug of [...new Set(slugs)].sort())
    await query(trx, "select pg_advisory_xact_lock(hashtextextended('pixl project ' || :slug, 0))", { slug })
  const [row] = await query(trx, 'select clock_timestamp() as at')
  return new Date(row!['at'] as Date)
}

const findExisting = async (
  trx: Knex,
  requests: ReadonlyArray<StudyRequest>,
): Promise<(request: StudyRequest) => Existing> => {
  const wanted = requests.map((request) => ({
    slug: request.project,
    mrn: revealOr(request.mrn),
    accession: revealOr(request.accessionNumber),
    uid: revealOr(request.studyInstanceUid),
  }))
  const rows = await query(
    trx,
    `select ${imageColumns}, i.state is not null as ours ${fromImages}
     where exists (
       select from jsonb_to_recordset(cast(:wanted as jsonb)) as w(slug text, mrn text, accession text, uid text)
       where w.slug = e.slug and w.mrn = i.mrn and w.accession = i.accession_number
         and w.uid = coalesce(i.study_uid, ''))
     order by i.image_id for update of i`,
    { wanted: JSON.stringify(wanted) },
  )
  const found = new Map<string, { ours: ImageRecord | null; foreign: Array<ImageRecord> }>()
  for (const row of rows) {
    const image = imageOf(row)
    const key = studyIdentity(image)
    const entry = found.get(key) ?? { ours: null, foreign: [] }
    if (row['ours'] === true) entry.ours = image
    else entry.foreign.push(image)
    found.set(key, entry)
  }
  return (request) => found.get(studyIdentity(request)) ?? { ours: null, foreign: [] }
}

/** Writes rows back whole, with the requests they have gained. */
const saveImages = async (trx: Knex, images: ReadonlyArray<ImageRecord>): Promise<void> => {
  if (images.length === 0) return
  const saved = JSON.stringify(images.map(savedRow))
  const requests = JSON.stringify(
    images.flatMap(({ imageId, requests: asked }) =>
      asked.map(({ extractGeneratedTimestamp: at, procedureOccurrenceId: procedure, priority }) => ({
        imageId,
        at,
        procedure,
        priority,
      })),
    ),
  )
  await query(
    trx,
    `update pixl_pipeline.image i
     set ${savedColumns
       .split(',')
       .map((column) => `${column.trim()} = s.${column.trim()}`)
       .join(', ')}
     from jsonb_to_recordset(cast(:saved as jsonb)) as s${savedShape} where s.image_id = i.image_id`,
    { saved },
  )
  await query(
    trx,
    `insert into pixl_pipeline.image_request (image_id, extract_generated_timestamp, procedure_occurrence_id, priority)
     select "imageId", at, procedure, priority
     from jsonb_to_recordset(cast(:requests as jsonb)) as r("imageId" int, at text, procedure bigint, priority smallint)
     on conflict do nothing`,
    { requests },
  )
}

/** Inserts rows under keys drawn beforehand, and gives them with those keys. */
const insertImages = async (trx: Knex, images: ReadonlyArray<ImageRecord>): Promise<ReadonlyArray<ImageRecord>> => {
  if (images.length === 0) return []
  const keys = await query(
    trx,
    `select nextval(pg_get_serial_sequence('pixl_pipeline.image', 'image_id')) as key from generate_series(1, :count)`,
    { count: images.length },
  )
  const keyed = images.map((image, index) => ({ ...image, imageId: Number(keys[index]!['key']) }))
  const saved = JSON.stringify(keyed.map(savedRow))
  await query(
    trx,
    `insert into pixl_pipeline.extract (slug)
     select distinct s.slug from jsonb_to_recordset(cast(:saved as jsonb)) as s${savedShape}
     where not exists (select from pixl_pipeline.extract e where e.slug = s.slug)`,
    { saved },
  )
  await query(
    trx,
    `insert into pixl_pipeline.image (image_id, extract_id, mrn, accession_number, study_uid, study_date, ${savedColumns})
     select s.image_id, (select min(e.extract_id) from pixl_pipeline.extract e where e.slug = s.slug), s.mrn,
       s.accession_number, s.study_uid, s.study_date, ${savedColumns
         .split(',')
         .map((column) => `s.${column.trim()}`)
         .join(', ')}
     from jsonb_to_recordset(cast(:saved as jsonb)) as s${savedShape}`,
    { saved },
  )
  return keyed
}

interface Line {
  readonly image: ImageRecord
  readonly transition: string
  readonly from: string | null
}
const logMoves = async (trx: Knex, lines: ReadonlyArray<Line>): Promise<void> => {
  if (lines.length === 0) return
  const logged = lines.map(({ image, transition, from }) => ({
    id: image.imageId,
    transition,
    from_state: from,
    to_state: image.state,
    reason: image.reason,
    fence: image.fence,
  }))
  await query(
    trx,
    `insert into pixl_pipeline.image_event (image_id, at, transition, from_state, to_state, reason, fence, detail)
     select id, clock_timestamp(), transition, from_state, to_state, reason, fence, cast('{}' as jsonb)
     from jsonb_to_recordset(cast(:logged as jsonb))
       as l(id int, transition text, from_state text, to_state text, reason text, fence int)`,
    { logged: JSON.stringify(logged) },
  )
}

/** Writes rows that moved; what was delivered of those that are reopened is delivered again. */
const saveMoves = async (trx: Knex, moves: ReadonlyArray<Moved>): Promise<void> => {
  await saveImages(
    trx,
    moves.map(({ image }) => image),
  )
  const reopened = moves.filter(({ transition }) => transition === 'reopen').map(({ image }) => image.imageId)
  await query(
    trx,
    `update pixl_pipeline.image_delivery set state = 'pending', delivered_at = null
     where image_id in (select cast(value as int) from jsonb_array_elements_text(cast(:ids as jsonb)))`,
    { ids: JSON.stringify(reopened) },
  )
  await logMoves(
    trx,
    moves.filter(({ transition }) => transition !== 'merge'),
  )
}

/** Records a batch in one transaction; what becomes of each request is decided by the domain. */
export const recordRequests = (
  knex: Knex,
  requests: NonEmptyArray<StudyRequest>,
  priority: Priority,
  queue: string,
): Promise<Recorded> =>
  knex.transaction(async (trx) => {
    const at = await lockProjects(
      trx,
      requests.map(({ project }) => project),
    )
    const existing = await findExisting(trx, requests)
    const { inserted, adopted, merged, recorded } = recordAll(requests, existing, priority, queue, at)
    const fresh = [...(await insertImages(trx, inserted)), ...adopted]
    await saveImages(trx, fresh)
    await logMoves(
      trx,
      fresh.map((image) => ({ image, transition: 'request', from: null })),
    )
    await saveMoves(trx, merged)
    return recorded
  })

/** The row a token names and the other row of its study, if there is one, locked by key. */
const findTwins = async (
  trx: Knex,
  slug: string,
  token: ClaimToken,
  studyKey: StudyKey,
): Promise<{ image: ImageRecord | null; twin: ImageRecord | null }> => {
  const rows = await query(
    trx,
    `select ${imageColumns} ${fromImages}
     where i.image_id = :id or (e.slug = :slug and i.study_key = :studyKey and i.state is not null)
     order by i.image_id for update of i`,
    { id: token.imageId, slug, studyKey },
  )
  const images = rows.map(imageOf)
  const image = images.find(({ imageId }) => imageId === token.imageId)
  return {
    image: image !== undefined && holds(image, token) ? image : null,
    twin: images.find(({ imageId }) => imageId !== token.imageId) ?? null,
  }
}

/** Stores a study's key and names, or joins it to the row that has the key; null when the claim is stale. */
export const recordNames = (
  knex: Knex,
  token: ClaimToken,
  studyKey: StudyKey,
  names: Named,
): Promise<({ readonly _tag: 'Recorded' } & Named) | { readonly _tag: 'SameStudy' } | null> =>
  knex.transaction(async (trx) => {
    const [row] = await query(trx, `select e.slug ${fromImages} where i.image_id = :id`, { id: token.imageId })
    if (row === undefined) return null
    const slug = row['slug'] as string
    const at = await lockProjects(trx, [slug])
    const { image, twin } = await findTwins(trx, slug, token, studyKey)
    if (image === null) return null
    if (twin !== null) {
      const joined = sameStudy(image, token)
      if (joined._tag === 'Left') return null
      await saveMoves(trx, [mergeRequest(twin, image, at), joined.right])
      return { _tag: 'SameStudy' }
    }
    const named = {
      pseudoStudyUid: image.pseudoStudyUid ?? names.pseudoStudyUid,
      pseudoPatientId: image.pseudoPatientId ?? names.pseudoPatientId,
    }
    const after = { ...image, studyKey, ...named }
    await saveImages(trx, [after])
    await logMoves(trx, [{ image: after, transition: 'name', from: after.state }])
    return { _tag: 'Recorded', ...named }
  })
