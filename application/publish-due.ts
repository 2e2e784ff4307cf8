import * as E from 'fp-ts/lib/Either.js'
import type { NonEmptyArray } from 'fp-ts/lib/NonEmptyArray.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Unavailable } from '../domain/errors.js'
import type { StudyRequest } from '../domain/study.js'
import type { ExtractRepository, Publication } from '../ports/extract-repository.js'
import type { Channel, MessageBus } from '../ports/message-bus.js'

const pageSize = 500

/**
 * Publishes every row that is due: leased first, stamped only once the broker has confirmed, given up when it has not.
 * Several processes may do so at once. Gives the number of messages.
 */
export type PublishDue = TaskEither<Unavailable, number>

const bySameQueue = (page: ReadonlyArray<Publication>): ReadonlyArray<NonEmptyArray<Publication>> => {
  const groups = new Map<string, NonEmptyArray<Publication>>()
  for (const publication of page) {
    const key = `${publication.priority} ${publication.queue}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [publication])
    else group.push(publication)
  }
  return [...groups.values()]
}

export const makePublishDue =
  (deps: {
    readonly bus: MessageBus
    readonly extracts: ExtractRepository
    readonly channelOf: (queue: string) => Channel<StudyRequest>
  }): PublishDue =>
  async () => {
    let published = 0
    for (let last = 0; ;) {
      const page = await deps.extracts.leaseForPublication(pageSize, last)()
      if (E.isLeft(page)) return page
      const groups = bySameQueue(page.right)
      for (const [done, group] of groups.entries()) {
        const [{ queue, priority }] = group
        const messages = group.map(({ request }) => request) as NonEmptyArray<StudyRequest>
        const sent = await deps.bus.publish(deps.channelOf(queue), messages, priority)()
        if (E.isLeft(sent)) {
          await deps.extracts.abandonPublication(groups.slice(done).flat())()
          return sent
        }
        const noted = await deps.extracts.stampPublished(group)()
        if (E.isLeft(noted)) return noted
        published += group.length
      }
      if (page.right.length < pageSize) return E.right(published)
      last = page.right[page.right.length - 1]!.imageId
    }
  }
