//! What this machine is: kernel, distribution, hardware, and the agent's own version.

use crate::files::{Failure, Files};
use crate::text::setting;
use crate::write::Out;

/// The kernel's name for itself.
pub(crate) fn uname(_files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let labels = [
        ("domainname", text(uname.domainname())),
        ("machine", text(uname.machine())),
        ("nodename", text(uname.nodename())),
        ("release", text(uname.release())),
        ("sysname", text(uname.sysname())),
        ("version", text(uname.version())),
    ];
    let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
    out.info("node_uname_info", "The kernel of this machine; always 1.", &labels);
    Ok(())
}

const OS_LABELS: [(&str, &str); 12] = [
    ("build_id", "BUILD_ID"),
    ("id", "ID"),
    ("id_like", "ID_LIKE"),
    ("image_id", "IMAGE_ID"),
    ("image_version", "IMAGE_VERSION"),
    ("name", "NAME"),
    ("pretty_name", "PRETTY_NAME"),
    ("variant", "VARIANT"),
    ("variant_id", "VARIANT_ID"),
    ("version", "VERSION"),
    ("version_codename", "VERSION_CODENAME"),
    ("version_id", "VERSION_ID"),
];

/// The distribution.
pub(crate) fn os(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let is_local = files.can_open(&files.roots.root, "etc/os-release");
    let text = files.root(if is_local { "etc/os-release" } else { "usr/lib/os-release" })?;
    let labels = OS_LABELS.map(|(label, key)| (label, setting(text, key).unwrap_or_default()));
    out.info("node_os_info", "The distribution; always 1.", &labels);
    let of = |key| setting(text, key).unwrap_or_default();
    if let Some(version) = leading_number(of("VERSION_ID")) {
        const NAME: &str = "node_os_version";
        out.family(model::MetricKind::Gauge, NAME, "The distribution's version, major and minor.");
        out.sample(NAME, &[("id", of("ID")), ("id_like", of("ID_LIKE")), ("name", of("NAME"))], version);
    }
    Ok(())
}

/// `22.04.1` is 22.04.
fn leading_number(version: &str) -> Option<f64> {
    let mut n_dots = 0;
    let end = version.find(|c: char| {
        n_dots += u32::from(c == '.');
        !(c.is_ascii_digit() || (c == '.' && n_dots < 2))
    });
    version.get(..end.unwrap_or(version.len()))?.trim_end_matches('.').parse().ok()
}

/// Labels and the files of `/sys/class/dmi/id` that they come from.
const DMI: [(&str, &str); 16] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_sku", "product_sku"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// The hardware, as its maker calls it. Serial numbers are left out: they are secrets on some machines.
pub(crate) fn dmi(files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    files.sys_names("class/dmi/id")?;
    let mut labels: Vec<(&str, String)> = Vec::new();
    for (label, file) in DMI {
        if let Some(value) = files.sys_line(&format!("class/dmi/id/{file}")) {
            labels.push((label, value.to_owned()));
        }
    }
    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    out.info("node_dmi_info", "The hardware; always 1.", &labels);
    Ok(())
}

/// Under node_exporter's name, so that dashboards that list exporters find us; the version is ours.
pub(crate) fn version(_files: &mut Files, out: &mut Out) -> Result<(), Failure> {
    let labels = [
        ("branch", "watchfire"),
        ("goarch", std::env::consts::ARCH),
        ("goos", std::env::consts::OS),
        ("goversion", ""),
        ("revision", ""),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    out.info("node_exporter_build_info", "What serves these metrics: Watchfire's agent; always 1.", &labels);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_at_most_one_dot() {
        for (text, wanted) in [
            ("12", Some(12.0)),
            ("22.04", Some(22.04)),
            ("22.04.1", Some(22.04)),
            ("9.", Some(9.0)),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(leading_number(text), wanted, "{text}");
        }
    }
}
