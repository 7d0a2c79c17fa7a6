/** A router in a network of its own: `router-child.ts ADDRESS SPEAKS`. Prints what it is asked, a line each. */
import { routerSim } from './router-sim.ts';

const [, , host = '', speaks = 'pmp,upnp'] = process.argv;
const sim = await routerSim({
  host,
  ports: { pmp: 5351, ssdp: 1900 },
  speaks: speaks.split(',').filter((one) => one === 'pmp' || one === 'upnp'),
  onAsked: (what) => console.log(what),
});
console.log(`ready ${sim.httpPort}`);
