import type { Knex } from 'knex'
import type { ImageRecord, ImageState } from '../../domain/extract.js'
import { imageStates } from '../../domain/extract.js'
import { known, ProjectSlug } from '../../domain/identifiers.js'
import type { ExtractRepository, ImageSelection, ProjectCounts } from '../../ports/extract-repository.js'
import { attempt } from './moves.js'
import type { Row } from './rows.js'
import { eventOf, fromImages, imageColumns, imageOf, query } from './rows.js'

const pageSize = 500

/** The state operators see, in SQL. */
const effective = "case when i.exported_at is not null then 'exported' else i.state end"

export const inExtract = 'i.extract_id in (select e.extract_id from pixl_pipeline.extract e where e.slug = :slug)'

/** A selection as SQL over `image i`. */
export const selectionSql = ({
  project,
  queue,
  states,
}: ImageSelection): { where: string; bindings: Record<string, string> } => ({
  where: [
    'i.state is not null',
    ...(project === undefined ? [] : [inExtract]),
    ...(queue === undefined ? [] : ['i.queue = :queue']),
    ...(states === undefined ? [] : [`${effective} in (select jsonb_array_elements_text(cast(:states as jsonb)))`]),
  ].join(' and '),
  bindings: {
    ...(project === undefined ? {} : { slug: project }),
    ...(queue === undefined ? {} : { queue }),
    ...(states === undefined ? {} : { states: JSON.stringify(states) }),
  },
})

const countsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<ProjectCounts> => {
  const projects = [...new Set(rows.map((row) => row['slug'] as string))].sort()
  return projects.map((project) => {
    const own = rows
      .filter((row) => row['slug'] === project)
      .map((row) => ({ ...row, count: Number(row['count']) }) as Row & { count: number })
    const sum = (some: ReadonlyArray<{ count: number }>): number => some.reduce((total, { count }) => total + count, 0)
    const reasons: Record<string, number> = {}
    for (const row of own)
      if (typeof row['reason'] === 'string') reasons[row['reason']] = (reasons[row['reason']] ?? 0) + row.count
    return {
      project: known(ProjectSlug, project),
      total: sum(own),
      states: Object.fromEntries(
        imageStates.map((state) => [state, sum(own.filter((row) => row['state'] === state))]),
      ) as Record<ImageState, number>,
      reasons,
    }
  })
}

/** Rows by a condition over `image i` and `extract e`, by key. */
export const findImages = async (
  knex: Knex,
  where: string,
  bindings: Record<string, string | number>,
): Promise<ReadonlyArray<ImageRecord>> =>
  (await query(knex, `select ${imageColumns} ${fromImages} where ${where} order by i.image_id`, bindings)).map(imageOf)

type Inspection = Pick<
  ExtractRepository,
  'countByState' | 'images' | 'history' | 'findByPseudoStudyUid' | 'findByIdentifier'
>

/** What can be asked of the rows without changing them. */
export const makeInspection = (knex: Knex): Inspection => {
  async function* images(selection: ImageSelection): AsyncGenerator<ImageRecord> {
    const { where, bindings } = selectionSql(selection)
    for (let last = 0; ;) {
      const page = await query(
        knex,
        `select ${imageColumns} ${fromImages} where ${where} and i.image_id > :last order by i.image_id limit ${pageSize}`,
        { ...bindings, last },
      )
      yield* page.map(imageOf)
      if (page.length < pageSize) return
      last = Number(page[page.length - 1]!['image_id'])
    }
  }

  return {
    countByState: attempt(async () =>
      countsOf(
        await query(
          knex,
          `select e.slug, ${effective} as state, case when i.exported_at is null then i.reason end as reason,
             count(*) as count
           ${fromImages} where i.state is not null group by 1, 2, 3`,
        ),
      ),
    ),
    images,
    history: (imageId) =>
      attempt(async () =>
        (
          await query(
            knex,
            'select * from pixl_pipeline.image_event where image_id = :imageId order by image_event_id',
            {
              imageId,
            },
          )
        ).map(eventOf),
      ),
    findByPseudoStudyUid: (uid) =>
      attempt(() => findImages(knex, 'i.state is not null and i.pseudo_study_uid = :uid', { uid })),
    findByIdentifier: (identifier) =>
      attempt(() =>
        findImages(knex, ":text <> '' and i.state is not null and :text in (i.mrn, i.accession_number, i.study_uid)", {
          text: identifier.reveal(),
        }),
      ),
  }
}
