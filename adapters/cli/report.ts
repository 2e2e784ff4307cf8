import type { AuditReport } from '../../application/audit.js'
import type { Enqueued } from '../../application/enqueue-extract.js'
import type { StudyStory } from '../../application/explain.js'
import type { ImageEvent } from '../../domain/extract.js'
import { imageStates } from '../../domain/extract.js'
import type { Reason } from '../../domain/reasons.js'
import { reasonSentence } from '../../domain/reasons.js'
import type { ProjectCounts } from '../../ports/extract-repository.js'

/** Right-aligned numbers, left-aligned first column. */
const table = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>,
): ReadonlyArray<string> => {
  const all = [header, ...rows.map((row) => row.map(String))]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

const few = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

/** States that are always shown, and others only where there is something in them. */
const alwaysShown = ['exported', 'skipped', 'absent', 'failed']

/** Counts by project, and reasons with what they mean. */
export const countsReport = (counts: ReadonlyArray<ProjectCounts>): ReadonlyArray<string> => {
  if (counts.length === 0) return ['No study has been requested yet.']
  const shown = imageStates.filter(
    (state) => alwaysShown.includes(state) || counts.some(({ states }) => states[state] > 0),
  )
  const rows = counts.map(({ project, total, states }) => [project, total, ...shown.map((state) => states[state])])
  const reasons = new Map<string, number>()
  for (const project of counts)
    for (const [reason, count] of Object.entries(project.reasons))
      reasons.set(reason, (reasons.get(reason) ?? 0) + (count ?? 0))
  const sorted = [...reasons].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
  return [
    ...table(['project', 'total', ...shown], rows),
    ...(sorted.length === 0
      ? []
      : ['', ...sorted.map(([reason, count]) => `${count} x ${reason}: ${reasonSentence[reason as Reason]}`)]),
  ]
}

/** The counts as `pixl run --json` and `pixl status --json` print them. */
export const countsJson = (
  counts: ReadonlyArray<ProjectCounts>,
): ReadonlyArray<Readonly<Record<string, string | number>>> =>
  counts.map(
    ({ project, total, states: { requested, claimed, awaiting, held, exported, skipped, absent, failed } }) => ({
      project,
      total,
      requested,
      claimed,
      awaiting,
      held,
      exported,
      skipped,
      absent,
      failed,
    }),
  )

/** What was read from a cohort, with the first rows that were not usable. */
export const enqueuedReport = ({ cohort, recorded }: Enqueued): ReadonlyArray<string> => {
  const { rows, duplicates, withoutIdentifier, rejected, rejections } = cohort
  const { added, known, exported, reopened } = recorded
  const parts = [
    `${few(added, 'new study', 'new studies')}`,
    ...(known > 0 ? [`${known} known`] : []),
    ...(exported > 0 ? [`${exported} exported before`] : []),
    ...(reopened > 0 ? [`${reopened} requested again`] : []),
    ...(duplicates > 0 ? [`${few(duplicates, 'repeated row')}`] : []),
    ...(withoutIdentifier > 0 ? [`${few(withoutIdentifier, 'row')} with neither accession number nor study UID`] : []),
    ...(rejected > 0 ? [`${few(rejected, 'unusable row')}`] : []),
  ]
  const shown = rejections.slice(0, 10).map(({ file, line, column, problem }) => {
    const where = line === null ? file : `${file}:${line}`
    return `  ${where}: ${column}: ${problem}`
  })
  const more = rejected - shown.length
  return [
    `Read ${few(rows, 'row')}: ${parts.join(', ')}.`,
    ...shown,
    ...(more > 0 && shown.length > 0 ? [`  and ${few(more, 'more unusable row')}`] : []),
  ]
}

const eventDetail = ({ detail, reason }: ImageEvent): string => {
  const { leftOut, destination, delivery, remoteName, cause, afterMs, attempts, queue } = detail
  return [
    reason,
    cause,
    destination === undefined
      ? null
      : `${delivery} at ${destination}${remoteName === undefined ? '' : ` as ${remoteName}`}`,
    queue === undefined ? null : `to ${queue}`,
    attempts === undefined ? null : `attempt ${attempts}`,
    afterMs === undefined ? null : `again in ${Math.ceil(afterMs / 1000)} s`,
    leftOut === undefined || Object.keys(leftOut).length === 0
      ? null
      : `left out ${Object.entries(leftOut)
          .map(([why, count]) => `${few(count ?? 0, 'instance')} (${why})`)
          .join(', ')}`,
  ]
    .filter((part) => part !== null && part !== undefined)
    .join('; ')
}

/** Where a study stands, and its history line by line. */
export const storyReport = (story: StudyStory): ReadonlyArray<string> => {
  const { project, study, state, reason, attempts, nextActionAt, deliveries, events } = story
  return [
    `Study ${study} of project ${project}: ${state}${reason === null ? '' : `, ${reason}`}.`,
    ...(reason === null ? [] : [reasonSentence[reason]]),
    ...(nextActionAt === null
      ? []
      : [`Next action at ${nextActionAt.toISOString()}, after ${few(attempts, 'failed attempt')}.`]),
    ...deliveries.map(({ destination, state: at, remoteName, bytes, sha256, deliveredAt }) =>
      [
        `Destination ${destination}: ${at}`,
        remoteName,
        bytes === null ? null : `${bytes} bytes`,
        sha256 === null ? null : `sha256 ${sha256}`,
        deliveredAt?.toISOString(),
      ]
        .filter((part) => part !== null && part !== undefined && part !== '')
        .join(', '),
    ),
    ...events.map((event) => {
      const move = event.from === null || event.from === event.to ? event.to : `${event.from} -> ${event.to}`
      return `  ${event.at.toISOString()}  ${event.transition.padEnd(8)} ${move.padEnd(21)} ${eventDetail(event)}`.trimEnd()
    }),
  ]
}

/** What an audit found. */
export const auditReport = ({ studies, objects, violations, unchecked }: AuditReport): ReadonlyArray<string> => [
  `Looked at ${few(studies, 'study', 'studies')} and ${few(objects, 'delivered object')}.`,
  ...violations.map(
    ({ promise, project, study, problem }) =>
      `${promise} broken: project ${project}${study === null ? '' : `, study ${study}`}: ${problem}`,
  ),
  ...unchecked.map((sentence) => `Not checked: ${sentence}`),
  violations.length === 0 && unchecked.length === 0
    ? 'Every promise holds: nothing lost, nothing twice, nothing half-delivered.'
    : `${few(violations.length, 'violation')}, ${unchecked.length} not checked.`,
]
