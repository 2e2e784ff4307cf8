import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import type { PixlError, Unavailable } from '../domain/errors.js'
import { describeError, unavailable } from '../domain/errors.js'
import type { StudyName } from '../domain/events.js'
import type { ImageRecord, ImageState } from '../domain/extract.js'
import { effectiveState, rowViolations } from '../domain/extract.js'
import type { DestinationName, ProjectSlug } from '../domain/identifiers.js'
import type { ExtractRepository } from '../ports/extract-repository.js'
import type { Destinations } from './destinations.js'
import type { Naming } from './naming.js'

const isEnd = (state: ImageState): boolean => ['exported', 'skipped', 'absent', 'failed'].includes(state)

/** A broken promise, in words that name nothing identifying. */
export interface Violation {
  readonly promise: 'P1' | 'P2' | 'P3'
  readonly project: ProjectSlug
  /** Null where it concerns the project as a whole. */
  readonly study: StudyName | null
  readonly problem: string
}

export interface AuditReport {
  readonly studies: number
  /** Delivered objects that were looked at in their destination. */
  readonly objects: number
  readonly violations: ReadonlyArray<Violation>
  /** What could not be checked, as sentences; an audit that could not look is not a clean one. */
  readonly unchecked: ReadonlyArray<string>
}

/**
 * Checks the promises against the rows and the destinations, changing nothing: every row accounted for (P1), one object
 * per study and destination (P2), every recorded object there and whole, and nothing unfinished beside them (P3).
 */
export const makeAudit = (deps: {
  readonly destinations: Destinations
  readonly extracts: ExtractRepository
  readonly naming: Naming
}): TE.TaskEither<Unavailable, AuditReport> => {
  const { extracts, destinations, naming } = deps

  const audit = async (): Promise<AuditReport> => {
    const violations: Array<Violation> = []
    const unchecked = new Set<string>()
    const objectsSeen = new Map<string, StudyName>()
    /** Where the studies of each project go, and whether any is in hand: it may have a part there. */
    const projects = new Map<ProjectSlug, { inHand: boolean; readonly destinations: Set<DestinationName> }>()
    let studies = 0
    let objects = 0

    const note = (promise: Violation['promise'], image: ImageRecord, problem: string): void =>
      void violations.push({ promise, project: image.project, study: naming.ofImage(image), problem })
    const doubt = (destination: DestinationName, error: PixlError): void =>
      void unchecked.add(`Destination ${destination} could not be looked at: ${describeError(error)}`)

    const auditHistory = async (image: ImageRecord): Promise<void> => {
      const history = await extracts.history(image.imageId)()
      if (E.isLeft(history)) throw history.left
      const last = history.right[history.right.length - 1]?.to
      // A study in hand may move between the two readings.
      if (last !== image.state && isEnd(image.state))
        note('P1', image, `its history ends in ${last ?? 'nothing'}, its state is ${image.state}`)
    }

    const auditDelivery = async (image: ImageRecord, delivery: ImageRecord['deliveries'][number]): Promise<void> => {
      const { destination, remoteName, bytes, sha256 } = delivery
      const uploader = destinations.uploader(destination)
      // An object another system delivered has no name we know.
      if (remoteName === null || remoteName === '' || image.pseudoStudyUid === null) return
      const key = `${destination} ${remoteName}`
      const twin = objectsSeen.get(key)
      if (twin !== undefined) note('P2', image, `it shares its object at ${destination} with study ${twin}`)
      objectsSeen.set(key, naming.ofImage(image))
      if (uploader === undefined) {
        doubt(destination, { _tag: 'UnknownDestination', destination })
        return
      }
      const object = { remoteName, bytes, sha256 }
      const found = await uploader.verify({ project: image.project, pseudoStudyUid: image.pseudoStudyUid, object })()
      objects += 1
      if (E.isLeft(found)) doubt(destination, found.left)
      else if (found.right !== 'present')
        note('P3', image, `its object at ${destination} is ${found.right}, though it is recorded as delivered`)
    }

    for await (const image of extracts.images({})) {
      studies += 1
      const project = projects.get(image.project) ?? {
        inHand: false,
        destinations: new Set(destinations.instead ? [destinations.instead] : []),
      }
      project.inHand ||= image.state === 'claimed'
      for (const { destination } of image.deliveries) project.destinations.add(destination)
      projects.set(image.project, project)
      for (const problem of rowViolations(image)) note('P1', image, problem)
      await auditHistory(image)
      if (effectiveState(image) !== 'exported') continue
      for (const delivery of image.deliveries) await auditDelivery(image, delivery)
    }

    const counts = await extracts.countByState()
    if (E.isLeft(counts)) throw counts.left
    for (const { project, total, states } of counts.right) {
      const sum = Object.values(states).reduce((a, b) => a + b, 0)
      if (sum !== total)
        violations.push({
          promise: 'P1',
          project,
          study: null,
          problem: `${total} studies, but the states count ${sum}`,
        })
    }

    for (const [project, { inHand, destinations: names }] of projects) {
      if (inHand) continue
      for (const name of names) {
        const left = await (destinations.uploader(name)?.leftovers(project) ?? TE.right([]))()
        if (E.isLeft(left)) doubt(name, left.left)
        else
          for (const leftover of left.right)
            violations.push({
              promise: 'P3',
              project,
              study: null,
              problem: `${name} holds the unfinished ${leftover}`,
            })
      }
    }
    return { studies, objects, violations, unchecked: [...unchecked] }
  }

  return TE.tryCatch(audit, (caught) =>
    typeof caught === 'object' && caught !== null && '_tag' in caught
      ? (caught as Unavailable)
      : unavailable('ExtractRepository', caught),
  )
}
