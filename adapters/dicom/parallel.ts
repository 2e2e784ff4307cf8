/** Files worked on at once: enough to keep the disk busy while one waits, few enough to stay small. */
const filesAtOnce = 4

/**
 * Runs a task on every item, a few at a time, and answers the results in order. After a failure nothing new is begun, and
 * the first error is thrown once everything that was begun has ended, so that nobody writes into a folder being removed.
 */
export const inParallel = async <A, B>(items: ReadonlyArray<A>, run: (item: A) => Promise<B>): Promise<Array<B>> => {
  const results: Array<B> = []
  const failures: Array<unknown> = []
  let next = 0
  const work = async (): Promise<void> => {
    while (failures.length === 0 && next < items.length) {
      const index = next++
      try {
        results[index] = await run(items[index]!)
      } catch (caught) {
        failures.push(caught)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(filesAtOnce, items.length) }, work))
  if (failures.length > 0) throw failures[0]
  return results
}
