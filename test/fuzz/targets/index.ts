import type { Target } from '../target.js'
import { catalogues } from './catalogue.js'
import { cohorts } from './cohort.js'
import { dicom } from './dicom.js'
import { message } from './message.js'
import { zip } from './zip.js'

/** Every target, by the order they run in. */
export const targets: ReadonlyArray<Target> = [message, ...catalogues, ...cohorts, zip, dicom]
