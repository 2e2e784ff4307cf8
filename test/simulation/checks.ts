import type { ImageEvent, ImageRecord } from '../../domain/extract.js'
import { isTransition, rowViolations } from '../../domain/extract.js'
import { seriesGrew } from '../../domain/transitions.js'
import type { SimStudy } from './hospital.js'
import type { World } from './world.js'

/** What must hold at every instant: nobody who looks at a destination sees half an object, nothing exported is missing. */
export const checkNow = (world: World): void => {
  for (const { name, visible } of world.destinations) {
    for (const [object, { whole }] of visible)
      if (!whole) world.seen.push(`P3: a reader of ${name} sees half of ${object}`)
    if (new Set([...visible.values()].map(({ uid }) => uid)).size < visible.size)
      world.seen.push(`P2: ${name} shows two objects of one study`)
  }
  for (const image of world.repository.rows()) {
    if (image.state === 'exported') checkExported(world, image)
    // Rows are never changed in place: what was looked at once need not be looked at again.
    if (looked.has(image)) continue
    looked.add(image)
    for (const problem of rowViolations(image)) world.seen.push(`P1: row ${image.imageId}: ${problem}`)
  }
}

const looked = new WeakSet<ImageRecord>()

const studyOf = (world: World, image: ImageRecord): SimStudy =>
  world.studies.find(({ uid }) => `mrn-${uid}` === image.mrn?.reveal())!

/** An exported study is visible at every destination, with all the series asked for that it has. */
const checkExported = (world: World, image: ImageRecord): void => {
  const study = studyOf(world, image)
  const wanted =
    image.series.length === 0
      ? study.series
      : image.series.map((series) => series.reveal()).filter((uid) => study.series.includes(uid))
  for (const { name, visible } of world.destinations) {
    const object = visible.get(`simulated/${image.pseudoStudyUid}.zip`)
    if (object === undefined) world.seen.push(`P3: row ${image.imageId} is exported and ${name} has nothing of it`)
    else if (wanted.some((series) => !object.series.includes(series)))
      world.seen.push(`P3: row ${image.imageId} is exported and ${name} lacks a series that was asked for`)
  }
}

/** The history is a path through the transition table, and fences only grow. */
const checkHistory = (image: ImageRecord, history: ReadonlyArray<ImageEvent>): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  let state: ImageEvent['from'] = null
  let fence = 0
  for (const { transition, from, to, fence: at } of history) {
    if (from !== state) wrong.push(`row ${image.imageId}: ${transition} begins in ${from}, the history was in ${state}`)
    if (transition !== 'deliver' && transition !== 'name' && !isTransition(transition, from, to))
      wrong.push(`row ${image.imageId}: ${transition} from ${from} to ${to} is not in the table`)
    if (at < fence) wrong.push(`row ${image.imageId}: ${transition} has a fence lower than the one before`)
    state = to
    fence = at
  }
  if (state !== image.state) wrong.push(`row ${image.imageId}: it is ${image.state}, its history ends in ${state}`)
  return wrong
}

/** How each study must have ended, given that its archive and destinations answer by now. */
const expectedEnd = (study: SimStudy, image: ImageRecord): ReadonlyArray<string> => {
  if (image.state === 'skipped' && image.reason === 'Cancelled') return ['skipped']
  if (study.archive === 'none') return ['absent']
  if (study.isUnreadable) return ['failed']
  const wanted = image.series.map((series) => series.reveal())
  return wanted.length > 0 && !wanted.some((uid) => study.series.includes(uid)) ? ['skipped'] : ['exported']
}

/** What must hold once everything works again and time enough has passed. */
export const checkEnd = async (world: World, asked: ReadonlySet<string>): Promise<ReadonlyArray<string>> => {
  checkNow(world)
  // A schedule ends at the first broken rule: what it had not come to says nothing.
  if (world.seen.length > 0) return [...new Set(world.seen)]
  const wrong: Array<string> = []
  const rows = world.repository.rows()
  if (rows.length !== asked.size) wrong.push(`P1: ${asked.size} studies were asked for, ${rows.length} have a row`)
  for (const image of rows) {
    const history = await world.repository.history(image.imageId)()
    wrong.push(...(history._tag === 'Right' ? checkHistory(image, history.right) : ['no history']))
    const study = studyOf(world, image)
    const ends = expectedEnd(study, image)
    if (!ends.includes(image.state))
      wrong.push(
        `progress: row ${image.imageId} is ${image.state}${image.reason === null ? '' : ` (${image.reason})`}, expected ${ends.join(' or ')}`,
      )
    if (image.state === 'exported' && seriesGrew(image.claimedSeries, image.series))
      wrong.push(`merge: row ${image.imageId} is exported without series that were asked for`)
  }
  return wrong
}
