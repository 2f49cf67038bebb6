/** Program: finds the server program, as a command does. */
import { findProgram } from '../../src/server/find-program.js';

console.log((await findProgram(process.env, () => {})).path);
