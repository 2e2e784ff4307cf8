import type { Knex } from 'knex'
import type { ImageState } from '../../domain/extract.js'
import { revealOr } from '../../domain/sensitive.js'
import type { StudyRequest } from '../../domain/study.js'
import type { ClaimToken } from '../../domain/transitions.js'
import { claimsBeforeLost } from '../../domain/transitions.js'
import type { Claim } from '../../ports/extract-repository.js'
import { findImages, inExtract } from './inspection.js'
import { after, ended, move, now } from './moves.js'
import { query } from './rows.js'

const requested = `i.state is not null and ${inExtract} and i.mrn = :mrn and i.accession_number = :accession
  and coalesce(i.study_uid, '') = :uid`
const claimable = `((i.state in ('requested', 'awaiting') and i.next_action_at <= ${now})
  or (i.state = 'claimed' and i.lease_until <= ${now}))`
const lostAgain = `(i.state = 'claimed' and i.claims + 1 >= ${claimsBeforeLost})`

const identityBindings = (request: StudyRequest) => ({
  slug: request.project,
  mrn: revealOr(request.mrn),
  accession: revealOr(request.accessionNumber),
  uid: revealOr(request.studyInstanceUid),
})

/** Why a row could not be claimed; rows that end at their claim are ended here. */
const refusal = async (knex: Knex, request: StudyRequest, retry: () => Promise<Claim>): Promise<Claim> => {
  const [row] = await query(
    knex,
    `select i.state, i.exported_at is not null as exported, ${claimable} as claimable, ${lostAgain} as lost
     from pixl_pipeline.image i where ${requested}`,
    identityBindings(request),
  )
  if (row === undefined) return { _tag: 'Unknown' }
  const state = row['state'] as ImageState
  if (row['claimable'] === true) {
    const where = `${requested} and ${claimable}`
    const bindings = identityBindings(request)
    const end = row['exported'] === true ? 'exported' : 'failed'
    const moved =
      row['exported'] === true
        ? await move(knex, {
            transition: 'adopt',
            where: `${where} and i.exported_at is not null`,
            set: `${ended('exported', 'null')}, fence = i.fence + 1`,
            bindings,
            deliveries: `update pixl_pipeline.image_delivery d set state = 'delivered',
              remote_name = coalesce(d.remote_name, ''), delivered_at = coalesce(d.delivered_at, changed.exported_at)
              from changed where d.image_id = changed.image_id`,
          })
        : row['lost'] === true
          ? await move(knex, {
              transition: 'lose',
              where: `${where} and ${lostAgain}`,
              set: `${ended('failed', "'WorkerLost'")}, fence = i.fence + 1`,
              bindings,
            })
          : []
    // Nothing moved: it became claimable between the two statements, or somebody else took it.
    return moved.length > 0 ? { _tag: 'Finished', state: end } : retry()
  }
  if (state === 'held') return { _tag: 'Held' }
  if (state === 'requested') return { _tag: 'NotDue' }
  if (state === 'awaiting') return { _tag: 'Awaiting' }
  if (state === 'claimed') return { _tag: 'Leased' }
  return { _tag: 'Finished', state }
}

/** Takes the row of a request in one statement; what is not claimable is looked at afterwards. */
export const claim = async (
  knex: Knex,
  request: StudyRequest,
  owner: ClaimToken['owner'],
  leaseMs: number,
): Promise<Claim> => {
  const taken = await knex.transaction(async (trx) => {
    const [row] = await move(trx, {
      transition: 'claim',
      where: `${requested} and ${claimable} and i.exported_at is null and not ${lostAgain}`,
      set: `state = 'claimed', lease_owner = :owner, lease_until = ${after('leaseMs')}, fence = i.fence + 1,
        claims = i.claims + case when i.state = 'claimed' then 1 else 0 end,
        claimed_series = case when i.state = 'awaiting' then i.claimed_series else i.series end`,
      bindings: { ...identityBindings(request), owner, leaseMs },
      // What was delivered lacks the series asked for since.
      deliveries: `update pixl_pipeline.image_delivery d set state = 'pending', delivered_at = null from changed, old
        where d.image_id = changed.image_id and old.image_id = changed.image_id and old.grew and old.state <> 'awaiting'`,
    })
    // Read while the row is still locked: the answer is the row as it was claimed.
    return row === undefined ? [] : findImages(trx, 'i.image_id = :imageId', { imageId: Number(row['image_id']) })
  })
  const [image] = taken
  if (image === undefined) return refusal(knex, request, () => claim(knex, request, owner, leaseMs))
  return { _tag: 'Claimed', image, token: { imageId: image.imageId, fence: image.fence, owner } }
}
