//! The host under node_exporter's names. Each file is a subject; each collector has node_exporter's name for it.

mod clock;
mod cpu;
mod disk;
mod filesystem;
mod identity;
mod kernel;
mod memory;
mod network;
mod sockets;
mod statfs;
mod thermal;
mod timex;

use crate::collectors::Collect;
pub(crate) use kernel::stall_total;

/// All of them. What a machine does not have turns its collector off, not the others.
pub(crate) fn collectors() -> Vec<(&'static str, Collect)> {
    let mut cpu = cpu::Cpu::default();
    let mut filesystem = filesystem::Filesystems::default();
    let mut interfaces = network::Interfaces::default();
    vec![
        ("arp", Box::new(sockets::arp)),
        ("clocksource", Box::new(clock::clocksource)),
        ("conntrack", Box::new(sockets::conntrack)),
        ("cpu", Box::new(move |files, out| cpu.collect(files, out))),
        ("cpufreq", Box::new(cpu::frequency)),
        ("diskstats", Box::new(disk::collect)),
        ("dmi", Box::new(identity::dmi)),
        ("entropy", Box::new(kernel::entropy)),
        ("filefd", Box::new(kernel::filefd)),
        ("filesystem", Box::new(move |files, out| filesystem.collect(files, out))),
        ("loadavg", Box::new(kernel::loadavg)),
        ("meminfo", Box::new(memory::meminfo)),
        ("netclass", Box::new(move |files, out| interfaces.collect(files, out))),
        ("netdev", Box::new(network::netdev)),
        ("netstat", Box::new(sockets::netstat)),
        ("os", Box::new(identity::os)),
        ("pressure", Box::new(kernel::pressure)),
        ("schedstat", Box::new(cpu::schedstat)),
        ("selinux", Box::new(kernel::selinux)),
        ("sockstat", Box::new(sockets::sockstat)),
        ("softnet", Box::new(sockets::softnet)),
        ("stat", Box::new(kernel::stat)),
        ("thermal_zone", Box::new(thermal::collect)),
        ("time", Box::new(clock::time)),
        ("timex", Box::new(timex::timex)),
        ("udp_queues", Box::new(sockets::udp_queues)),
        ("uname", Box::new(identity::uname)),
        ("version", Box::new(identity::version)),
        ("vmstat", Box::new(memory::vmstat)),
    ]
}

#[cfg(test)]
mod tests;
