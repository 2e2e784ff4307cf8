import type { Knex } from 'knex'

/**
 * Readies the rows for the only process that works on them: the leases of the one before end now (their claims count as
 * expired), and what it had published is due again, since its messages died with it.
 */
export const restart = async (knex: Knex): Promise<void> => {
  await knex.raw(
    `update pixl_pipeline.image set publishing_until = null, published_at = null,
       lease_until = case when state = 'claimed' then clock_timestamp() end
     where state in ('requested', 'claimed', 'awaiting')`,
  )
}
