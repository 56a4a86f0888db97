// The rest of Grafana's units: physics, money, rates. Each line is a family; `id symbol` with what the number is counted in.
import { binary, count, currency, fixed, si } from './unitscale.js';

/** @typedef {import('./unitscale.js').Scale} Scale */

/** Ids and what stands behind the number, as `id=text`, separated by commas. @param {string} list @param {(text: string) => Scale} scale @returns {[string, Scale][]} */
function family(list, scale) {
  return list.split(',').map((pair) => {
    const [id, text] = pair.split('=');
    return [id.trim(), scale(text)];
  });
}

const PLAIN = 'pixel=px,candela=cd,accMS2=m/sec²,accFS2=f/sec²,accG=g,radian=rad,grad=grad,arcmin=arcmin,arcsec=arcsec,areaF2=ft²,areaMI2=mi²,acres=ac,hectares=ha,' +
  'ppm=ppm,conppb=ppb,conngm3=ng/m³,conngNm3=ng/Nm³,conμgm3=μg/m³,conμgNm3=μg/Nm³,conmgm3=mg/m³,conmgNm3=mg/Nm³,congm3=g/m³,congNm3=g/Nm³,conmgdL=mg/dL,conmmolL=mmol/L,' +
  'Wm2=W/m²,watthperkg=Wh/kg,kwattm=kW-Min,flowgpm=gpm,flowcms=cms,flowcfs=cfs,flowcfm=cfm,litreh=L/h,flowlpm=L/min,flowmlpm=mL/min,lux=lux,forceNm=Nm,forceN=N,masslb=lb,masst=t,' +
  'lengthin=in,lengthft=ft,lengthmi=mi,pressurehpa=hPa,pressurekpa=kPa,pressurehg="Hg,radexpckg=C/kg,velocityms=m/s,velocitykmh=km/h,velocitymph=mph,velocityknot=kn,m3=m³,Nm3=Nm³,dm3=dm³,gallons=g';

/** Units with SI prefixes, by the prefix that the number already has. @type {[number, string][]} */
const PREFIXED = [
  [-5, 'ffarad=F'],
  [-4, 'pfarad=F'],
  [-3, 'nfarad=F'],
  [-2, 'µfarad=F,µhenry=H,radusv=Sv,radusvh=Sv/h'],
  [-1, 'mwatt=W,mamp=A,mamph=Ah,mvolt=V,mhenry=H,massmg=g,lengthmm=m,pressurembar=bar,radmsv=Sv,radmsvh=Sv/h,mlitre=L'],
  [0, 'flops=FLOPS,voltamp=VA,voltampreact=VAr,amph=Ah,ev=eV,ohm=Ω,farad=F,henry=H,lumens=Lm,Hs=H/s,massg=g,pressurebar=bar,pressurepa=Pa,pressurepsi=psi,radbq=Bq,radci=Ci,radgy=Gy,radrad=rad,radsv=Sv,radrem=rem,radr=R,radsvh=Sv/h,rotrads=rad/s,rotdegs=°/s,litre=L'],
  [1, 'kflops=FLOPS,kvoltamp=VA,kvoltampreact=VAr,kamph=Ah,kamp=A,kvolt=V,kohm=Ω,forcekNm=Nm,forcekN=N,KHs=H/s,masskg=g,lengthkm=m,pressurekbar=bar'],
  [2, 'mflops=FLOPS,megwatt=W,mwatth=Wh,Mohm=Ω,MHs=H/s'],
  [3, 'gflops=FLOPS,gwatt=W,GHs=H/s'],
  [4, 'tflops=FLOPS,THs=H/s,TBs=B/s,Tbits=b/s'],
  [5, 'pflops=FLOPS,PHs=H/s,PBs=B/s,Pbits=b/s,decpbytes=B'],
  [6, 'eflops=FLOPS,EHs=H/s'],
];

/** @type {[number, string][]} */
const BINARY = [[1, 'Kibits=b/s'], [2, 'Mibits=b/s'], [3, 'Gibits=b/s'], [4, 'TiBs=B/s,Tibits=b/s'], [5, 'PiBs=B/s,Pibits=b/s,pbytes=B']];

const MONEY = 'RUB=₽,UAH=₴,BRL=R$,CZK=czk,PLN=PLN,BTC=฿,MBTC=mBTC,mBTC=mBTC,μBTC=μBTC,ZAR=R,INR=₹,KRW=₩,IDR=Rp,PHP=PHP,TRY=₺,MYR=RM,XPF=XPF,BGN=BGN,PYG=₲,UYU=UYU,ILS=₪';
/** Money whose sign follows the number. */
const MONEY_AFTER = 'DKK=kr,ISK=kr,NOK=kr,SEK=kr,VND=đ';

/** @type {Record<string, Scale>} */
export const MORE_UNITS = Object.fromEntries([
  ...family(PLAIN, (text) => fixed(` ${text}`)),
  ...PREFIXED.flatMap(([start, list]) => family(list, (text) => si(text, start))),
  ...BINARY.flatMap(([start, list]) => family(list, (text) => binary(text, start))),
  ...family('mpm=msg/m,eventspm=evt/m,recpm=rec/m', count),
  ...family(MONEY, (text) => currency(text)).map(([id, scale]) => /** @type {[string, Scale]} */ ([`currency${id}`, scale])),
  ...family(MONEY_AFTER, (text) => currency(text, true)).map(([id, scale]) => /** @type {[string, Scale]} */ ([`currency${id}`, scale])),
]);
