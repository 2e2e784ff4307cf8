import { createEmbeddedApplication } from '../../composition/index.js'
import { describeError } from '../../domain/errors.js'

/** A process that opens the state directory of its first argument, closes it, and has nothing else to do. */
const opened = await createEmbeddedApplication({ stateDirectory: process.argv[2]! })()
if (opened._tag === 'Left') throw new Error(describeError(opened.left))
await opened.right.status()
await opened.right.close()
process.stdout.write('closed')
