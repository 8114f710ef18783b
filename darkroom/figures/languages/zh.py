"""Simplified Chinese."""

from darkroom.figures.languages import Texts

SPLITS = {"train": "训练集", "validation": "验证集", "test": "测试集"}
COUNTS = {
    "images": "图像数",
    "objects": "目标数",
    "pixels": "像素数",
    "share": "像素占比",
    "smallest": "最小目标",
    "largest": "最大目标",
}

TEXTS = Texts(
    lang="zh-Hans",
    fonts="system-ui, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, "
    "WenQuanYi Micro Hei, sans-serif",
    title="{}：报告",
    summary="{task}，用 {train:,} {train_unit}训练 {epochs} 轮，设备为 {device}，数值格式为 {precision}。"
    "在 {test:,} {test_unit}上，{score}为 {value:.4f}。",
    kinds={
        "classification": "图像分类，共 {} 个类别",
        "points": "数据点分类，共 {} 个类别",
        "regression": "回归",
        "segmentation": "图像分割，共 {} 个类别",
    },
    units={"images": ("张图像", "张测试图像"), "points": ("个数据点", "个测试数据点")},
    scores={"accuracy": "准确率", "mean_iou": "平均交并比", "r2": "决定系数 R² "},
    headings={
        "metrics": "测试指标",
        "metric": "指标",
        "value": "值",
        "classes": "类别",
        "table_of_classes": "类别表",
        "parameters": "参数",
        "parameter": "参数",
    },
    colon="：",
    stop="。",
    captions={
        "learning_curves": (
            "学习曲线",
            "如果训练集的指标仍在提高而验证集的不再提高，说明模型过拟合。如果训练结束时两条曲线都还在改善，增加训练轮数会有帮助。",
        ),
        "learning_rate": ("学习率", "学习率下降的地方，损失也应当下降。"),
        "confusion": (
            "混淆矩阵",
            "每一行是一个真实类别，行内各占比之和为 1。"
            "对角线以外颜色深的格子是常见的错误：该行的类别被预测成了该列的类别。",
        ),
        "classes": ("各类别", "虚线是所有类别的总体指标。条形远未到达虚线的类别需要关注。"),
        "confused_pairs": (
            "最常见的错误",
            "两个类别在两个方向上互相混淆，说明它们难以区分；只在一个方向上混淆，说明模型有偏向。",
        ),
        "confident_errors": ("置信度最高的错误", "置信度很高的错误往往是标错的标签，或者图像中同时有两个类别。"),
        "predictions": ("预测", "正确的预测为绿色，错误的为红色。所选图像中最多有一半是错误。"),
        "grad_cam": (
            "Grad-CAM",
            "明亮的位置支持所标出的类别。如果明亮的位置在背景上，说明模型学到了错误的特征。预测错误时，可以看出目标的哪个部分误导了模型。",
        ),
        "feature_maps": (
            "特征图",
            "卷积的每个通道对不同的边缘和颜色有响应。池化缩小特征图，只保留每个区域的最大值或平均值。",
        ),
        "regions": (
            "决策区域",
            "两种颜色相接的地方，预测的类别发生变化。边界绕着个别的点弯曲，是过拟合的迹象；数据弯曲而边界笔直，说明模型过于简单。",
        ),
        "fit": (
            "拟合曲线",
            "曲线穿过每一个训练点，说明模型拟合了噪声。曲线跟不上数据的弯曲，说明模型过于简单，或者训练时间太短。虚线之外没有训练点。",
        ),
        "reliability": ("可靠性图", "条形低于虚线表示模型过于自信，高于虚线表示模型不够自信。"),
        "ranks": (
            "真实类别的名次",
            "第 2 名的占比高，说明模型经常接近正确答案。靠后名次的占比高，说明模型认不出这个类别。",
        ),
        "overlays": (
            "叠加图",
            "平均交并比最差和最好的测试图像：图像、真实掩码和预测掩码。请留意最差的图像有什么共同点。",
        ),
        "objects": ("不同大小的目标", "小目标的召回率低，说明模型漏掉了它们。精确率低，说明模型预测出了不存在的目标。"),
        "annotations": ("标注", "如果叠加的颜色没有落在目标上，说明标注或标注的转换有错误。"),
    },
    names={
        "loss": "损失",
        "accuracy": "准确率",
        "top5_accuracy": "前五准确率",
        "tta_accuracy": "测试时增强的准确率",
        "macro_precision": "宏平均精确率",
        "macro_recall": "宏平均召回率",
        "macro_f1": "宏平均 F1",
        "expected_calibration_error": "期望校准误差",
        "mean_iou": "平均交并比",
        "mean_foreground_iou": "前景平均交并比",
        "mean_dice": "平均 Dice 系数",
        "pixel_accuracy": "像素准确率",
        "r2": "决定系数 R²",
        "rmse": "均方根误差",
        "gap_to_train": "与训练集的差距",
        "gap_to_validation": "与验证集的差距",
        "class": "类别",
        "range": "范围",
        "number": "图中编号",
        "support": "样本数",
        "points": "数据点数",
        "images": "图像数",
        "precision": "精确率",
        "recall": "召回率",
        "f1": "F1",
        "iou": "交并比",
        "dice": "Dice 系数",
        "boundary_iou": "边界交并比",
        **{f"{split}_{count}": f"{SPLITS[split]}{COUNTS[count]}" for split in SPLITS for count in COUNTS},
    },
)
