import type { Knex } from 'knex'
import { requestFor } from '../../domain/recording.js'
import { publicationLeaseMs } from '../../domain/transitions.js'
import type { ExtractRepository, Publication } from '../../ports/extract-repository.js'
import { findImages } from './inspection.js'
import { attempt, now } from './moves.js'
import { query } from './rows.js'

type PublicationPart = Pick<
  ExtractRepository,
  'leaseForPublication' | 'stampPublished' | 'abandonPublication' | 'forgetPublished' | 'countLeased'
>

/**
 * The outbox: which rows are to be published, and what became of it. Like every statement over several rows, these lock
 * them by key, so that no two wait for each other.
 */
export const makePublication = (knex: Knex): PublicationPart => {
  const stamp = (publications: ReadonlyArray<Publication>, set: string) =>
    attempt(async () => {
      await query(
        knex,
        `with p as (
           select i.image_id from pixl_pipeline.image i
           join jsonb_to_recordset(cast(:published as jsonb)) as p("imageId" int, fence int)
             on i.image_id = p."imageId" and i.fence = p.fence
           where i.state in ('requested', 'awaiting', 'claimed') order by i.image_id for update of i)
         update pixl_pipeline.image i set ${set} from p where i.image_id = p.image_id`,
        { published: JSON.stringify(publications.map(({ imageId, fence }) => ({ imageId, fence }))) },
      )
    })

  const leaseForPublication: ExtractRepository['leaseForPublication'] = (limit, afterImageId) =>
    attempt(() =>
      // Read while the rows are still locked: a claim in between would give the publication a later fence.
      knex.transaction(async (trx) => {
        const leased = await query(
          trx,
          `with due as (
           select i.image_id from pixl_pipeline.image i
           where i.image_id > :afterImageId and i.exported_at is null
             and i.state in ('requested', 'awaiting', 'claimed')
             and (i.publishing_until is null or i.publishing_until <= ${now})
             and ((i.state = 'claimed' and i.lease_until <= ${now})
               or (i.state <> 'claimed' and i.published_at is null and i.next_action_at <= ${now}))
           order by i.image_id limit :limit for update skip locked)
         update pixl_pipeline.image i
         set publishing_until = ${now} + ${publicationLeaseMs} * interval '1 millisecond'
         from due where due.image_id = i.image_id returning i.image_id`,
          { limit, afterImageId },
        )
        const ids = JSON.stringify(leased.map((row) => Number(row['image_id'])))
        const rows = await findImages(
          trx,
          'i.image_id in (select cast(value as int) from jsonb_array_elements_text(cast(:ids as jsonb)))',
          { ids },
        )
        return rows.map((image) => ({
          imageId: image.imageId,
          fence: image.fence,
          queue: image.queue,
          priority: image.priority,
          request: requestFor(image),
        }))
      }),
    )

  return {
    leaseForPublication,
    stampPublished: (published) =>
      stamp(
        published,
        `published_at = case when i.state = 'claimed' then i.published_at else ${now} end,
         publishing_until = case when i.state = 'claimed' then i.publishing_until end`,
      ),
    abandonPublication: (unpublished) => stamp(unpublished, 'publishing_until = null'),
    forgetPublished: (queue, olderThanMs) =>
      attempt(
        async () =>
          (
            await query(
              knex,
              `with lost as (
                 select i.image_id from pixl_pipeline.image i
                 where i.state in ('requested', 'awaiting') and i.exported_at is null and i.queue = :queue
                   and i.published_at <= ${now} - :olderThanMs * interval '1 millisecond'
                 order by i.image_id for update)
               update pixl_pipeline.image i set published_at = null
               from lost where i.image_id = lost.image_id returning i.image_id`,
              { queue, olderThanMs },
            )
          ).length,
      ),
    countLeased: (queue) =>
      attempt(async () => {
        const [row] = await query(
          knex,
          `select count(*) as count from pixl_pipeline.image i where i.queue = :queue and i.lease_until > ${now}`,
          { queue },
        )
        return Number(row!['count'])
      }),
  }
}
