import type { Knex } from 'knex'
import { makePostgresExtractRepository } from '../../../adapters/postgres/extract-repository.js'
import { revealOr, sensitive } from '../../../domain/sensitive.js'
import type { ExtractRepository } from '../../../ports/extract-repository.js'
import type { ExtractRepositoryHarness } from '../../contract/extract-repository.js'
import { marker, syntheticRequest } from '../../contract/synthetic.js'

/** Rows of the Python services name only these columns (facts of the existing installation). */
export const writeForeignRow =
  (knex: Knex): ExtractRepositoryHarness['writeForeignRow'] =>
  async ({ request, exportedAt }) => {
    const { rows } = (await knex.raw(
      `with known as (select extract_id from pixl_pipeline.extract where slug = :slug),
         made as (insert into pixl_pipeline.extract (slug) select :slug where not exists (select from known) returning extract_id)
       select extract_id from known union all select extract_id from made`,
      { slug: request.project },
    )) as { rows: ReadonlyArray<{ extract_id: number }> }
    await knex
      .withSchema('pixl_pipeline')
      .table('image')
      .insert({
        accession_number: revealOr(request.accessionNumber),
        study_date: request.studyDate,
        mrn: revealOr(request.mrn),
        study_uid: request.studyInstanceUid?.reveal() ?? null,
        exported_at: exportedAt?.toISOString() ?? null,
        extract_id: rows[0]!.extract_id,
      })
  }

const exportForeign =
  (knex: Knex): ExtractRepositoryHarness['exportForeign'] =>
  async (request, at) => {
    await knex
      .withSchema('pixl_pipeline')
      .table('image')
      .where({ mrn: revealOr(request.mrn), accession_number: revealOr(request.accessionNumber) })
      .update({ exported_at: at.toISOString() })
  }

/** Moves every time of the rows back: the same as waiting. */
export const elapse = (knex: Knex) => async (ms: number) => {
  const times = ['next_action_at', 'deadline_at', 'published_at', 'publishing_until', 'lease_until']
  const back = times.map((column) => `${column} = ${column} - :ms * interval '1 millisecond'`).join(', ')
  await knex.raw(`update pixl_pipeline.image set ${back}`, { ms })
}

/** The repository on a migrated database, which is emptied first. */
export const startHarness = async (knex: Knex, unreachable: ExtractRepository): Promise<ExtractRepositoryHarness> => {
  await knex.raw('truncate pixl_pipeline.extract cascade')
  return {
    repository: makePostgresExtractRepository(knex),
    elapse: elapse(knex),
    writeForeignRow: writeForeignRow(knex),
    exportForeign: exportForeign(knex),
    refused: { ...syntheticRequest(9), mrn: sensitive(`${marker}\u0000`) },
    unreachable,
    close: () => Promise.resolve(),
  }
}
