/**
 * Program: `node keeper-main.js <orders as JSON>`. See `keeper.ts`.
 */
import { onStopSignals } from '../os/stop-signals.js';
import type { KeeperOrders } from './keeper-orders.js';
import { Keeper } from './keeper.js';

new Keeper(JSON.parse(process.argv[2] ?? '') as KeeperOrders, onStopSignals()).keep();
