import type { Priority } from '../../domain/identifiers.js'
import type { DeadLetterEntry, QueueDepth } from '../../ports/message-bus.js'

/** A message as a broker holds it. */
export interface Message {
  readonly bytes: Uint8Array
  readonly priority: Priority
  readonly redelivered: boolean
}

/** Messages of one queue, each in exactly one place: ready, delayed, in flight or dead. */
export interface Queue {
  readonly push: (message: Message) => void
  /** Takes the first message of the highest priority; it is in flight then. */
  readonly next: () => Message | undefined
  /** Ends the flight of a message; false when it was taken back meanwhile, and the caller must not place it anew. */
  readonly settle: (message: Message) => boolean
  /** Keeps a message back until an instant. */
  readonly delay: (message: Message, untilMs: number) => void
  readonly releaseDue: (nowMs: number) => void
  readonly nextDueMs: () => number | null
  /** Takes back what is in flight, to be delivered again before all else of its priority. */
  readonly returnInFlight: () => void
  readonly bury: (message: Message, reason: string, at: Date) => void
  readonly unbury: () => number
  readonly deadLetters: (limit: number) => ReadonlyArray<DeadLetterEntry>
  readonly depth: () => QueueDepth
  readonly purge: () => number
  readonly clear: () => void
}

/** First in, first out, without moving the rest at each step. */
interface Line {
  items: Array<Message>
  head: number
}

const takeFirst = (line: Line): Message | undefined => {
  if (line.head === line.items.length) return undefined
  const message = line.items[line.head++]
  if (line.head > 1024 && line.head * 2 > line.items.length) {
    line.items = line.items.slice(line.head)
    line.head = 0
  }
  return message
}

const waitingIn = (line: Line): ReadonlyArray<Message> => line.items.slice(line.head)

const again = (message: Message): Message => ({ ...message, redelivered: true })

interface DeadLetter extends DeadLetterEntry {
  readonly message: Message
}

/** A queue without messages. */
export const makeQueue = (): Queue => {
  const emptyLines = (): ReadonlyArray<Line> => [5, 4, 3, 2, 1].map(() => ({ items: [], head: 0 }))
  let lines = emptyLines()
  let delayed: Array<{ readonly message: Message; readonly untilMs: number }> = []
  let firstDueMs = Infinity
  let inFlight = new Set<Message>()
  let dead: Array<DeadLetter> = []

  const lineOf = (priority: Priority): Line => lines[5 - priority]!
  const push = (message: Message): void => void lineOf(message.priority).items.push(message)
  const readyCount = (): number => lines.reduce((sum, { items, head }) => sum + items.length - head, 0) + delayed.length

  const dropWaiting = (): void => {
    lines = emptyLines()
    delayed = []
    firstDueMs = Infinity
  }

  return {
    push,
    next: () => {
      for (const line of lines) {
        const message = takeFirst(line)
        if (message === undefined) continue
        inFlight.add(message)
        return message
      }
      return undefined
    },
    settle: (message) => inFlight.delete(message),
    delay: (message, untilMs) => {
      delayed.push({ message: again(message), untilMs })
      firstDueMs = Math.min(firstDueMs, untilMs)
    },
    releaseDue: (nowMs) => {
      if (nowMs < firstDueMs) return
      const due = delayed.filter(({ untilMs }) => untilMs <= nowMs)
      delayed = delayed.filter(({ untilMs }) => untilMs > nowMs)
      firstDueMs = delayed.reduce((first, { untilMs }) => Math.min(first, untilMs), Infinity)
      for (const { message } of due) push(message)
    },
    nextDueMs: () => (firstDueMs === Infinity ? null : firstDueMs),
    returnInFlight: () => {
      const returned = [...inFlight].map(again)
      inFlight = new Set()
      for (const line of lines) {
        const first = returned.filter(({ priority }) => lineOf(priority) === line)
        line.items = [...first, ...waitingIn(line)]
        line.head = 0
      }
    },
    bury: (message, reason, at) => void dead.push({ message, reason, at, bytes: message.bytes.length }),
    unbury: () => {
      const letters = dead
      dead = []
      for (const { message } of letters) push(again(message))
      return letters.length
    },
    deadLetters: (limit) => dead.slice(0, limit).map(({ reason, at, bytes }) => ({ reason, at, bytes })),
    depth: () => ({ ready: readyCount(), unacknowledged: inFlight.size }),
    purge: () => {
      const count = readyCount()
      dropWaiting()
      return count
    },
    clear: () => {
      dropWaiting()
      inFlight = new Set()
      dead = []
    },
  }
}
